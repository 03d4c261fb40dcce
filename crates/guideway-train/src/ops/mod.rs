//! The two operations that the network spends its time in, as one pass each with a backward pass of their own.
//!
//! The framework's CPU backend computes a convolution's weight gradient as a convolution with a kernel as large as the
//! image, and a group normalisation as a dozen passes over memory. On the CPU these operations go instead to the
//! kernels here ([`conv`], [`norm`]), which work image by image on `gemm`; on any other device they are the framework's
//! own. Either way the results are tested against each other.
//!
//! Each kernel splits its work by image, never by thread, and adds partial sums in a fixed order: the bits of the result
//! depend neither on the number of threads nor, for the forward pass, on the rest of the batch.

mod conv;
mod norm;

use std::fmt::Debug;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, DispatchDevice, Flex};
use burn::tensor::{Tensor, TensorData};

pub(crate) use conv::conv2d;
pub(crate) use norm::group_norm_relu;

/// Sizes of a map: images, channels, height, width.
type Dims = [usize; 4];

/// A dense map and its sizes, borrowed.
#[derive(Clone, Copy)]
struct Map<'a> {
    data: &'a [f32],
    dims: Dims,
}

/// What a forward pass leaves.
struct Forward {
    data: Vec<f32>,
    dims: Dims,
    /// Whatever the backward pass wants to find again.
    saved: Vec<f32>,
}

/// Gradients for the map, the weight and the bias; `None` where not asked for.
struct Grads {
    x: Option<Vec<f32>>,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// An operation on a map with a weight and a bias.
trait Kernel: Clone + Send + Debug + 'static {
    fn forward(&self, x: Map<'_>, weight: &[f32], bias: &[f32]) -> Forward;

    fn backward(&self, x: Map<'_>, weight: &[f32], bias: &[f32], saved: &[f32], grad: Map<'_>, want_x: bool) -> Grads;
}

/// Contiguous `f32` values of a backend tensor, with its sizes.
struct Dense(FlexTensor);

impl Dense {
    fn new(tensor: &FlexTensor) -> Self {
        Self(tensor.to_contiguous())
    }

    fn slice(&self) -> &[f32] {
        // `to_contiguous` made it so; an empty slice would fail the kernels' length checks rather than pass silently.
        self.0.as_slice::<f32>().unwrap_or(&[])
    }

    fn map(&self) -> Map<'_> {
        let shape = self.0.layout().shape();
        let mut dims = [1; 4];
        for (slot, size) in dims.iter_mut().zip(shape.iter()) {
            *slot = *size;
        }
        Map {
            data: self.slice(),
            dims,
        }
    }
}

fn flex(data: Vec<f32>, dims: impl Into<Vec<usize>>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(data, dims.into()))
}

#[derive(Debug, Clone)]
struct Saved<K> {
    kernel: K,
    x: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    extra: Arc<Vec<f32>>,
}

#[derive(Debug)]
struct Step<K>(std::marker::PhantomData<K>);

impl<K: Kernel> Backward<Flex, 3> for Step<K> {
    type State = Saved<K>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [x_node, weight_node, bias_node] = ops.parents;
        let grad = grads.consume::<Flex>(&ops.node);
        let state = ops.state;
        let (x, weight, bias, grad) = (
            Dense::new(&state.x),
            Dense::new(&state.weight),
            Dense::new(&state.bias),
            Dense::new(&grad),
        );
        let result = state.kernel.backward(
            x.map(),
            weight.slice(),
            bias.slice(),
            &state.extra,
            grad.map(),
            x_node.is_some(),
        );
        if let (Some(node), Some(data)) = (x_node, result.x) {
            grads.register::<Flex>(node.id, flex(data, x.map().dims));
        }
        if let Some(node) = weight_node {
            let dims: Vec<usize> = weight.0.layout().shape().iter().copied().collect();
            grads.register::<Flex>(node.id, flex(result.weight, dims));
        }
        if let Some(node) = bias_node {
            let length = result.bias.len();
            grads.register::<Flex>(node.id, flex(result.bias, [length]));
        }
    }
}

/// Whether the tensors live on the CPU backend, inside or outside of a gradient graph.
fn on_cpu(x: &Tensor<4>) -> bool {
    matches!(x.device().without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}

/// Runs a kernel on the CPU backend; `None` when the tensors live elsewhere.
fn run<K: Kernel, const D: usize>(kernel: K, x: &Tensor<4>, weight: &Tensor<D>, bias: &Tensor<1>) -> Option<Tensor<4>> {
    if !on_cpu(x) {
        return None;
    }
    let forward = |x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor| {
        let (x, weight, bias) = (Dense::new(x), Dense::new(weight), Dense::new(bias));
        let out = kernel.forward(x.map(), weight.slice(), bias.slice());
        (flex(out.data, out.dims), Arc::new(out.saved))
    };
    if x.device().is_autodiff() {
        let x = x.clone().try_into_primitive::<Autodiff<Flex>>().ok()?;
        let weight = weight.clone().try_into_primitive::<Autodiff<Flex>>().ok()?;
        let bias = bias.clone().try_into_primitive::<Autodiff<Flex>>().ok()?;
        let (output, extra) = forward(x.primitive(), weight.primitive(), bias.primitive());
        let ((x, x_node), (weight, weight_node), (bias, bias_node)) =
            (x.into_parts(), weight.into_parts(), bias.into_parts());
        let step: Step<K> = Step(std::marker::PhantomData);
        let output = match step
            .prepare::<NoCheckpointing>([x_node, weight_node, bias_node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => prepared.finish(
                Saved {
                    kernel,
                    x,
                    weight,
                    bias,
                    extra,
                },
                output,
            ),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        };
        Some(Tensor::from_primitive::<Autodiff<Flex>>(output))
    } else {
        let x = x.clone().try_into_primitive::<Flex>().ok()?;
        let weight = weight.clone().try_into_primitive::<Flex>().ok()?;
        let bias = bias.clone().try_into_primitive::<Flex>().ok()?;
        let (output, _) = forward(&x, &weight, &bias);
        Some(Tensor::from_primitive::<Flex>(output))
    }
}

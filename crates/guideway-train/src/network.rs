//! The network: a residual backbone, a feature pyramid, and two heads shared by its levels.
//!
//! ```text
//! image ─ stem /2 ─ stage /4 ─ stage /8 ─ stage /16 ─ stage /32      (3×3 convolution, group norm, ReLU; channels double)
//!                                  │           │           │
//!                               lateral     lateral     lateral      (1×1 convolution)
//!                                  └─── + ◀──×2── + ◀──×2──┘         (feature pyramid, Lin et al. 2017)
//!                               smooth      smooth      smooth       (3×3)
//!                                  └─── class head, box head ───┘    (the same weights on each level)
//! ```
//!
//! Each cell of each level predicts one object: a logit per class, and the distances from the cell's centre to the four
//! sides of the box (as in FCOS, Tian et al. 2019). The class scores are trained towards the overlap that the cell's box
//! reaches, so they carry its quality and need no further branch.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::loader::random;
use crate::ops::{conv2d, group_norm_relu};
use crate::params::ParamSet;

/// Channels that share their statistics in a group normalisation.
const GROUP: usize = 8;
/// Stride of the first stage; each further stage doubles it.
const FIRST_STRIDE: usize = 4;
/// Strides of the last stage.
const LAST_STRIDE: usize = 32;
/// Probability that a cell gives each class before training: most cells are background.
const PRIOR: f64 = 0.01;
/// Half a box's side before training, in strides.
const FIRST_REACH: f64 = 2.0;
/// The exponent of a distance is held in this range: boxes from a fortieth of a stride to 55 strides.
pub(crate) const EXPONENT: [f32; 2] = [-4.0, 4.0];

/// A convolution with a bias.
#[derive(Module, Debug)]
struct Conv {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    stride: usize,
}

impl Conv {
    fn forward(&self, x: &Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        let padding = weight.dims()[2] / 2;
        conv2d(x, &weight, &self.bias.val(), self.stride, padding)
    }
}

/// A 3×3 convolution, group normalisation and a rectifier.
#[derive(Module, Debug)]
struct Unit {
    conv: Conv,
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
}

impl Unit {
    fn forward(&self, x: &Tensor<4>) -> Tensor<4> {
        let gamma = self.gamma.val();
        let groups = gamma.dims()[0] / GROUP;
        group_norm_relu(&self.conv.forward(x), &gamma, &self.beta.val(), groups)
    }
}

/// `x + f(f(x))`.
#[derive(Module, Debug)]
struct Block {
    first: Unit,
    second: Unit,
}

/// Halves the size, doubles the channels, then the residual blocks.
#[derive(Module, Debug)]
struct Stage {
    down: Unit,
    blocks: Vec<Block>,
}

/// The detector's network. See the [module](self).
#[derive(Module, Debug)]
pub(crate) struct Network {
    stem: Unit,
    stages: Vec<Stage>,
    lateral: Vec<Conv>,
    smooth: Vec<Unit>,
    class_tower: Vec<Unit>,
    box_tower: Vec<Unit>,
    class_out: Conv,
    box_out: Conv,
    /// Index of the first stage that the pyramid takes.
    first: usize,
}

/// What the network says about a batch.
pub(crate) struct Outputs {
    /// Logits per level: `[n, classes, h, w]`.
    pub(crate) classes: Vec<Tensor<4>>,
    /// Logarithms of the distances to left, top, right and bottom, in strides, per level: `[n, 4, h, w]`.
    pub(crate) boxes: Vec<Tensor<4>>,
    /// The last stage's features: `[n, channels, h, w]`.
    pub(crate) features: Tensor<4>,
    /// What goes into the output layer of the classes, per level: `[n, neck, h, w]`.
    pub(crate) class_features: Vec<Tensor<4>>,
}

/// Draws the first weights. They come from our own generator, so that a seed means the same on every device.
struct Draw<'a> {
    rng: ChaCha8Rng,
    device: &'a Device,
}

impl Draw<'_> {
    /// A standard normal value, by Box and Muller.
    fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.rng.random::<f64>()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * self.rng.random::<f64>()).cos()) as f32
    }

    fn vector(&self, length: usize, value: f32) -> Param<Tensor<1>> {
        Param::from_tensor(Tensor::from_data(
            TensorData::new(vec![value; length], [length]),
            self.device,
        ))
    }

    /// Weights scaled so that a rectifier keeps the variance (He et al. 2015).
    fn conv(&mut self, [input, output]: [usize; 2], size: usize, stride: usize) -> Conv {
        let deviation = (2.0 / (input * size * size) as f32).sqrt();
        self.conv_with([input, output], size, stride, deviation)
    }

    fn conv_with(&mut self, [input, output]: [usize; 2], size: usize, stride: usize, deviation: f32) -> Conv {
        let values: Vec<f32> = (0..output * input * size * size)
            .map(|_| self.normal() * deviation)
            .collect();
        let data = TensorData::new(values, [output, input, size, size]);
        Conv {
            weight: Param::from_tensor(Tensor::from_data(data, self.device)),
            bias: self.vector(output, 0.0),
            stride,
        }
    }

    fn unit(&mut self, [input, output]: [usize; 2], stride: usize) -> Unit {
        Unit {
            conv: self.conv([input, output], 3, stride),
            gamma: self.vector(output, 1.0),
            beta: self.vector(output, 0.0),
        }
    }
}

impl Network {
    /// A network with random weights. The same seed gives the same weights on every device.
    pub(crate) fn new(config: &ModelConfig, classes: usize, seed: u64, device: &Device) -> Self {
        let mut draw = Draw {
            rng: random(&[b"weights", &seed.to_le_bytes()]),
            device,
        };
        let stem = draw.unit([3, config.width], 2);
        let mut stages = Vec::new();
        let mut widths = Vec::new();
        let mut stride = FIRST_STRIDE;
        let mut width = config.width;
        while stride <= LAST_STRIDE {
            let down = draw.unit([width, width * 2], 2);
            width *= 2;
            // At the first stage's resolution blocks cost the most and see the least.
            let depth = if stride == FIRST_STRIDE { 0 } else { config.depth };
            let blocks = (0..depth)
                .map(|_| Block {
                    first: draw.unit([width, width], 1),
                    second: draw.unit([width, width], 1),
                })
                .collect();
            stages.push(Stage { down, blocks });
            widths.push((stride, width));
            stride *= 2;
        }
        let used: Vec<usize> = widths
            .iter()
            .filter(|(stride, _)| config.strides.contains(stride))
            .map(|(_, width)| *width)
            .collect();
        let first = widths
            .iter()
            .position(|(stride, _)| config.strides.contains(stride))
            .unwrap_or(0);
        let neck = config.neck;
        let lateral = used
            .iter()
            .map(|width| draw.conv_with([*width, neck], 1, 1, (1.0 / *width as f32).sqrt()))
            .collect();
        let smooth = used.iter().map(|_| draw.unit([neck, neck], 1)).collect();
        let mut tower = || (0..config.head_depth).map(|_| draw.unit([neck, neck], 1)).collect();
        let (class_tower, box_tower) = (tower(), tower());
        let mut class_out = draw.conv_with([neck, classes], 1, 1, 0.01);
        let mut box_out = draw.conv_with([neck, 4], 1, 1, 0.01);
        class_out.bias = draw.vector(classes, -((1.0 - PRIOR) / PRIOR).ln() as f32);
        box_out.bias = draw.vector(4, FIRST_REACH.ln() as f32);
        Self {
            stem,
            stages,
            lateral,
            smooth,
            class_tower,
            box_tower,
            class_out,
            box_out,
            first,
        }
    }

    /// `images [n, 3, h, w]`, normalised, sides multiples of 32.
    pub(crate) fn forward(&self, images: &Tensor<4>) -> Outputs {
        let mut x = self.stem.forward(images);
        let mut maps = Vec::new();
        for stage in &self.stages {
            x = stage.down.forward(&x);
            for block in &stage.blocks {
                x = x.clone() + block.second.forward(&block.first.forward(&x));
            }
            maps.push(x.clone());
        }
        // From the coarsest level down: each level adds the one above, enlarged.
        let mut levels: Vec<Tensor<4>> = Vec::new();
        let used = maps.iter().skip(self.first).zip(&self.lateral);
        let mut sides: Vec<Tensor<4>> = used.map(|(map, lateral)| lateral.forward(map)).collect();
        let mut above: Option<Tensor<4>> = None;
        while let Some(side) = sides.pop() {
            let merged = match above {
                Some(above) => side + enlarge(above),
                None => side,
            };
            above = Some(merged.clone());
            levels.push(merged);
        }
        levels.reverse();
        let mut outputs = Outputs {
            classes: Vec::with_capacity(levels.len()),
            boxes: Vec::with_capacity(levels.len()),
            features: x,
            class_features: Vec::with_capacity(levels.len()),
        };
        for (level, smooth) in levels.iter().zip(&self.smooth) {
            let level = smooth.forward(level);
            let class = self.class_tower.iter().fold(level.clone(), |x, unit| unit.forward(&x));
            let boxes = self.box_tower.iter().fold(level, |x, unit| unit.forward(&x));
            outputs.classes.push(self.class_out.forward(&class));
            outputs.boxes.push(self.box_out.forward(&boxes));
            outputs.class_features.push(class);
        }
        outputs
    }

    /// All weights, by name.
    ///
    /// # Errors
    /// When the device does not give them.
    pub(crate) fn params(&self) -> Result<ParamSet, TrainError> {
        let mut collect = Collect::default();
        self.visit(&mut collect);
        match collect.error {
            Some(reason) => Err(TrainError::Device {
                what: "the weights",
                reason,
            }),
            None => Ok(collect.set),
        }
    }

    /// The network without some channels of its pyramid, as dropout would leave it for one pass: those that `keep` denies are taken out of
    /// what reads the pyramid, and the others count more by the reciprocal of the share that is kept.
    ///
    /// # Errors
    /// When the device does not give the weights.
    pub(crate) fn thinned(self, keep: &[bool], share_kept: f64) -> Result<Self, TrainError> {
        let mut set = self.params()?;
        let readers = if self.class_tower.is_empty() {
            ["class_out.weight", "box_out.weight"]
        } else {
            ["class_tower.0.conv.weight", "box_tower.0.conv.weight"]
        };
        let reads_pyramid = |name: &str| readers.contains(&name);
        set.scale_inputs(reads_pyramid, |channel| match keep.get(channel) {
            Some(false) => 0.0,
            _ => (1.0 / share_kept) as f32,
        });
        Ok(self.with_params(&set))
    }

    /// The network with these weights. They must come from a network of the same configuration.
    pub(crate) fn with_params(self, set: &ParamSet) -> Self {
        self.map(&mut Replace { set, next: 0 })
    }

    /// The gradients, in the order of [`Self::params`].
    ///
    /// # Errors
    /// When the device does not give them.
    pub(crate) fn gradients(&self, gradients: &burn::tensor::Gradients) -> Result<Vec<Vec<f32>>, TrainError> {
        let mut collect = CollectGradients {
            gradients,
            values: Vec::new(),
            error: None,
        };
        self.visit(&mut collect);
        match collect.error {
            Some(reason) => Err(TrainError::Device {
                what: "the gradients",
                reason,
            }),
            None => Ok(collect.values),
        }
    }
}

/// Twice the size, each value repeated.
fn enlarge(x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height * 2, width * 2]);
    interpolate(x, options)
}

#[derive(Default)]
struct Collect {
    path: Vec<String>,
    set: ParamSet,
    error: Option<String>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        match tensor.try_into_vec_as::<f32>() {
            Ok(values) => self.set.push(self.path.join("."), shape, values),
            Err(err) => self.error = Some(err.to_string()),
        }
    }
}

struct CollectGradients<'a> {
    gradients: &'a burn::tensor::Gradients,
    values: Vec<Vec<f32>>,
    error: Option<String>,
}

impl ModuleVisitor for CollectGradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let length = tensor.dims().iter().product();
        // A weight that nothing depended on in this batch has no gradient.
        match tensor.grad(self.gradients).map(Tensor::try_into_vec_as::<f32>) {
            None => self.values.push(vec![0.0; length]),
            Some(Ok(values)) => self.values.push(values),
            Some(Err(err)) => self.error = Some(err.to_string()),
        }
    }
}

struct Replace<'a> {
    set: &'a ParamSet,
    next: usize,
}

impl ModuleMapper for Replace<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let values = self.set.values(self.next);
        self.next += 1;
        param.map(|tensor| {
            let data = TensorData::new(values.to_vec(), tensor.dims());
            let device = tensor.device();
            let fresh = Tensor::from_data(data, &device);
            // Outside of a gradient graph there is nothing to require.
            if device.is_autodiff() {
                fresh.require_grad()
            } else {
                fresh
            }
        })
    }
}

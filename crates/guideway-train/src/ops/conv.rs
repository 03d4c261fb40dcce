//! 2D convolution with a square kernel, by `im2col` in tiles that stay in the cache.

use burn::tensor::Tensor;
use burn::tensor::ops::ConvOptions;
use rayon::prelude::*;

use super::{Forward, Grads, Kernel, Map, run};

/// Values in one tile of unfolded patches: 256 KiB, half of a core's second-level cache.
const TILE_VALUES: usize = 64 * 1024;

/// Partial sums of the weight gradient. A constant, so that the order of additions does not depend on the threads.
const PARTIAL_SUMS: usize = 8;

/// Convolution `x [n, c_in, h, w]` with `weight [c_out, c_in, k, k]` and `bias [c_out]`, zero padding on all sides.
/// Returns `[n, c_out, (h + 2·padding − k) / stride + 1, …]`.
pub(crate) fn conv2d(x: &Tensor<4>, weight: &Tensor<4>, bias: &Tensor<1>, stride: usize, padding: usize) -> Tensor<4> {
    let [out_channels, in_channels, size, _] = weight.dims();
    let kernel = Conv {
        in_channels,
        out_channels,
        size,
        stride,
        padding,
    };
    run(kernel, x, weight, bias).unwrap_or_else(|| {
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        burn::tensor::module::conv2d(x.clone(), weight.clone(), Some(bias.clone()), options)
    })
}

#[derive(Debug, Clone, Copy)]
struct Conv {
    in_channels: usize,
    out_channels: usize,
    size: usize,
    stride: usize,
    padding: usize,
}

impl Conv {
    /// Rows of the unfolded patches: one per input channel and kernel position.
    fn rows(self) -> usize {
        self.in_channels * self.size * self.size
    }

    fn out_size(self, size: usize) -> usize {
        (size + 2 * self.padding).saturating_sub(self.size) / self.stride + 1
    }

    /// Output rows per tile.
    fn tile(self, out_h: usize, out_w: usize) -> usize {
        (TILE_VALUES / (self.rows() * out_w).max(1)).clamp(1, out_h.max(1))
    }

    /// A 1×1 convolution needs no unfolding: the image already is the matrix.
    fn is_pointwise(self) -> bool {
        self.size == 1 && self.stride == 1 && self.padding == 0
    }

    /// Output columns whose sample at kernel column `kx` lies inside the image.
    fn inside(self, kx: usize, width: usize, out_w: usize) -> (usize, usize) {
        let first = self.padding.saturating_sub(kx).div_ceil(self.stride).min(out_w);
        // The largest ox with ox·stride + kx − padding ≤ width − 1.
        let last = (width + self.padding)
            .checked_sub(kx + 1)
            .map_or(0, |room| (room / self.stride + 1).min(out_w));
        (first, last.max(first))
    }

    /// Unfolds the patches of output rows `y0..y1` into `columns [rows, (y1 − y0)·out_w]`.
    fn unfold(
        self,
        image: &[f32],
        [height, width]: [usize; 2],
        [y0, y1]: [usize; 2],
        out_w: usize,
        columns: &mut [f32],
    ) {
        let length = (y1 - y0) * out_w;
        let mut rows = columns.chunks_exact_mut(length);
        for plane in image.chunks_exact(height * width) {
            for ky in 0..self.size {
                for kx in 0..self.size {
                    let Some(row) = rows.next() else { return };
                    let (first, last) = self.inside(kx, width, out_w);
                    for (oy, line) in (y0..y1).zip(row.chunks_exact_mut(out_w)) {
                        let y = (oy * self.stride + ky)
                            .checked_sub(self.padding)
                            .filter(|y| *y < height);
                        let Some(y) = y else {
                            line.fill(0.0);
                            continue;
                        };
                        line[..first].fill(0.0);
                        line[last..].fill(0.0);
                        if first == last {
                            continue;
                        }
                        let start = y * width + first * self.stride + kx - self.padding;
                        if self.stride == 1 {
                            line[first..last].copy_from_slice(&plane[start..start + last - first]);
                        } else {
                            let source = plane[start..].iter().step_by(self.stride);
                            for (slot, value) in line[first..last].iter_mut().zip(source) {
                                *slot = *value;
                            }
                        }
                    }
                }
            }
        }
    }

    /// The transpose of [`Self::unfold`]: adds each patch value to the pixel that it came from.
    fn fold(self, columns: &[f32], [height, width]: [usize; 2], [y0, y1]: [usize; 2], out_w: usize, image: &mut [f32]) {
        let length = (y1 - y0) * out_w;
        let mut rows = columns.chunks_exact(length);
        for plane in image.chunks_exact_mut(height * width) {
            for ky in 0..self.size {
                for kx in 0..self.size {
                    let Some(row) = rows.next() else { return };
                    let (first, last) = self.inside(kx, width, out_w);
                    if first == last {
                        continue;
                    }
                    for (oy, line) in (y0..y1).zip(row.chunks_exact(out_w)) {
                        let y = (oy * self.stride + ky)
                            .checked_sub(self.padding)
                            .filter(|y| *y < height);
                        let Some(y) = y else { continue };
                        let start = y * width + first * self.stride + kx - self.padding;
                        if self.stride == 1 {
                            let target = &mut plane[start..start + last - first];
                            for (slot, value) in target.iter_mut().zip(&line[first..last]) {
                                *slot += *value;
                            }
                        } else {
                            let target = plane[start..].iter_mut().step_by(self.stride);
                            for (slot, value) in target.zip(&line[first..last]) {
                                *slot += *value;
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Kernel for Conv {
    fn forward(&self, x: Map<'_>, weight: &[f32], bias: &[f32]) -> Forward {
        let [images, _, height, width] = x.dims;
        let (out_h, out_w) = (self.out_size(height), self.out_size(width));
        let (rows, area) = (self.rows(), out_h * out_w);
        let mut data = vec![0.0; images * self.out_channels * area];
        let tile = self.tile(out_h, out_w);
        data.par_chunks_exact_mut(self.out_channels * area)
            .zip(x.data.par_chunks_exact(self.in_channels * height * width))
            .for_each(|(out, image)| {
                for (plane, value) in out.chunks_exact_mut(area).zip(bias) {
                    plane.fill(*value);
                }
                let weight = Matrix::new(weight, self.out_channels, rows);
                if self.is_pointwise() {
                    multiply(
                        out,
                        area,
                        0,
                        [self.out_channels, area],
                        weight,
                        Matrix::new(image, rows, area),
                    );
                    return;
                }
                let mut columns = vec![0.0; rows * tile * out_w];
                for y0 in (0..out_h).step_by(tile) {
                    let y1 = (y0 + tile).min(out_h);
                    let length = (y1 - y0) * out_w;
                    let columns = &mut columns[..rows * length];
                    self.unfold(image, [height, width], [y0, y1], out_w, columns);
                    let patches = Matrix::new(columns, rows, length);
                    multiply(out, area, y0 * out_w, [self.out_channels, length], weight, patches);
                }
            });
        Forward {
            data,
            dims: [images, self.out_channels, out_h, out_w],
            saved: Vec::new(),
        }
    }

    fn backward(
        &self,
        x: Map<'_>,
        weight: &[f32],
        _bias: &[f32],
        _saved: &[f32],
        grad: Map<'_>,
        want_x: bool,
    ) -> Grads {
        let [images, _, height, width] = x.dims;
        let [_, _, out_h, out_w] = grad.dims;
        let (rows, area) = (self.rows(), out_h * out_w);
        let image_len = self.in_channels * height * width;
        let tile = self.tile(out_h, out_w);
        let group = images.div_ceil(PARTIAL_SUMS).max(1);
        let weight_matrix = Matrix::new(weight, self.out_channels, rows);
        let mut grad_x = if want_x {
            vec![0.0; images * image_len]
        } else {
            Vec::new()
        };
        let targets: Vec<&mut [f32]> = if want_x {
            grad_x.chunks_mut(group * image_len).collect()
        } else {
            (0..images.div_ceil(group)).map(|_| <&mut [f32]>::default()).collect()
        };
        let partial: Vec<(Vec<f32>, Vec<f32>)> = targets
            .into_par_iter()
            .zip(x.data.par_chunks(group * image_len))
            .zip(grad.data.par_chunks(group * self.out_channels * area))
            .map(|((target, group_x), group_grad)| {
                let mut grad_weight = vec![0.0; weight.len()];
                let mut grad_bias = vec![0.0; self.out_channels];
                let mut columns = vec![0.0; rows * tile * out_w];
                let mut targets = target.chunks_exact_mut(image_len.max(1));
                let maps = group_x
                    .chunks_exact(image_len)
                    .zip(group_grad.chunks_exact(self.out_channels * area));
                for (image, out) in maps {
                    for (slot, plane) in grad_bias.iter_mut().zip(out.chunks_exact(area)) {
                        *slot += super::norm::sum(plane);
                    }
                    let target = targets.next();
                    if self.is_pointwise() {
                        let out = Matrix::new(out, self.out_channels, area);
                        let image = Matrix::new(image, rows, area).transposed();
                        multiply(&mut grad_weight, rows, 0, [self.out_channels, rows], out, image);
                        if let Some(target) = target {
                            multiply(target, area, 0, [rows, area], weight_matrix.transposed(), out);
                        }
                        continue;
                    }
                    let mut target = target;
                    for y0 in (0..out_h).step_by(tile) {
                        let y1 = (y0 + tile).min(out_h);
                        let length = (y1 - y0) * out_w;
                        let columns = &mut columns[..rows * length];
                        self.unfold(image, [height, width], [y0, y1], out_w, columns);
                        let out = Matrix::part(out, self.out_channels, length, area, y0 * out_w);
                        let patches = Matrix::new(columns, rows, length).transposed();
                        multiply(&mut grad_weight, rows, 0, [self.out_channels, rows], out, patches);
                        if let Some(target) = target.as_deref_mut() {
                            columns.fill(0.0);
                            multiply(columns, length, 0, [rows, length], weight_matrix.transposed(), out);
                            self.fold(columns, [height, width], [y0, y1], out_w, target);
                        }
                    }
                }
                (grad_weight, grad_bias)
            })
            .collect();
        let mut grads = Grads {
            x: want_x.then_some(grad_x),
            weight: vec![0.0; weight.len()],
            bias: vec![0.0; self.out_channels],
        };
        for (part_weight, part_bias) in partial {
            for (slot, value) in grads.weight.iter_mut().zip(part_weight) {
                *slot += value;
            }
            for (slot, value) in grads.bias.iter_mut().zip(part_bias) {
                *slot += value;
            }
        }
        grads
    }
}

/// A dense matrix inside a slice: `rows × columns` values, `row_step` and `column_step` apart.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a> Matrix<'a> {
    fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::part(data, rows, columns, columns, 0)
    }

    /// The columns from `first` on of a matrix whose rows are `row_step` apart.
    fn part(data: &'a [f32], rows: usize, columns: usize, row_step: usize, first: usize) -> Self {
        Self {
            data: &data[first..],
            rows,
            columns,
            row_step,
            column_step: 1,
        }
    }

    fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }

    /// Values from the first to the last one, both included.
    fn span(self) -> usize {
        (self.rows - 1) * self.row_step + (self.columns - 1) * self.column_step + 1
    }
}

/// Adds `left · right` to the `rows × columns` matrix that begins at `first` in `out`, its rows `step` apart.
///
/// # Panics
/// When a matrix does not lie inside its slice or the sizes do not fit: a bug in this file, caught before any access.
fn multiply(
    out: &mut [f32],
    step: usize,
    first: usize,
    [rows, columns]: [usize; 2],
    left: Matrix<'_>,
    right: Matrix<'_>,
) {
    if rows == 0 || columns == 0 || left.columns == 0 {
        return;
    }
    let out = &mut out[first..];
    assert!(left.rows == rows && right.columns == columns && left.columns == right.rows);
    assert!(left.span() <= left.data.len() && right.span() <= right.data.len());
    assert!(step >= columns && (rows - 1) * step + columns <= out.len());
    #[expect(
        unsafe_code,
        reason = "the matrix kernel takes raw pointers; the bounds are asserted right above"
    )]
    // SAFETY: the assertions above hold every access inside its slice: the largest offset that `gemm` touches in a matrix
    // is `(rows − 1)·row_step + (columns − 1)·column_step`. `out` is borrowed mutably, so it overlaps neither input, and
    // its rows do not overlap each other because `step ≥ columns`. Steps are below `isize::MAX` as they are below lengths.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            left.columns,
            out.as_mut_ptr(),
            1,
            step as isize,
            true,
            left.data.as_ptr(),
            left.column_step as isize,
            left.row_step as isize,
            right.data.as_ptr(),
            right.column_step as isize,
            right.row_step as isize,
            1.0_f32,
            1.0_f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tensor};

    use super::*;

    /// Output and gradients of our kernel and of the framework's, for one geometry.
    fn both(images: usize, [c_in, c_out]: [usize; 2], [h, w]: [usize; 2], k: usize, stride: usize, padding: usize) {
        let device = Device::flex().autodiff();
        device.seed(7);
        let random = Distribution::Uniform(-1.0, 1.0);
        let x = Tensor::<4>::random([images, c_in, h, w], random, &device).require_grad();
        let weight = Tensor::<4>::random([c_out, c_in, k, k], random, &device).require_grad();
        let bias = Tensor::<1>::random([c_out], random, &device).require_grad();
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        let theirs = burn::tensor::module::conv2d(x.clone(), weight.clone(), Some(bias.clone()), options);
        let ours = conv2d(&x, &weight, &bias, stride, padding);
        assert_eq!(ours.dims(), theirs.dims());
        let probe = Tensor::<4>::random(ours.dims(), random, &device);
        let close = |a: Vec<f32>, b: Vec<f32>, what: &str| {
            assert_eq!(a.len(), b.len());
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 1e-3 * (1.0 + b.abs()), "{what}: {a} is not {b}");
            }
        };
        let values = |t: Tensor<4>| t.into_data().try_to_vec::<f32>().unwrap();
        close(values(ours.clone()), values(theirs.clone()), "output");
        let a = (ours * probe.clone()).sum().backward();
        let b = (theirs * probe).sum().backward();
        close(
            values(x.grad(&a).unwrap()),
            values(x.grad(&b).unwrap()),
            "gradient of x",
        );
        close(
            values(weight.grad(&a).unwrap()),
            values(weight.grad(&b).unwrap()),
            "gradient of the weight",
        );
        close(
            bias.grad(&a).unwrap().into_data().try_to_vec().unwrap(),
            bias.grad(&b).unwrap().into_data().try_to_vec().unwrap(),
            "gradient of the bias",
        );
    }

    #[test]
    fn equals_the_framework_in_every_geometry() {
        both(1, [1, 1], [3, 3], 3, 1, 1);
        both(3, [3, 8], [13, 10], 3, 2, 1);
        both(2, [4, 6], [9, 7], 1, 1, 0);
        both(2, [4, 6], [9, 7], 1, 2, 0);
        both(11, [5, 4], [8, 8], 3, 1, 1);
        both(2, [2, 3], [12, 20], 5, 3, 2);
        both(2, [2, 3], [6, 6], 3, 1, 0);
        // Several tiles.
        both(2, [16, 8], [70, 64], 3, 1, 1);
    }

    #[test]
    fn an_image_does_not_depend_on_its_batch() {
        let device = Device::flex();
        device.seed(3);
        let random = Distribution::Uniform(-1.0, 1.0);
        let x = Tensor::<4>::random([5, 3, 20, 20], random, &device);
        let weight = Tensor::<4>::random([8, 3, 3, 3], random, &device);
        let bias = Tensor::<1>::random([8], random, &device);
        let all = conv2d(&x, &weight, &bias, 1, 1).narrow(0, 3, 1).into_data();
        let one = conv2d(&x.narrow(0, 3, 1), &weight, &bias, 1, 1).into_data();
        assert_eq!(all.try_to_vec::<f32>().unwrap(), one.try_to_vec::<f32>().unwrap());
    }
}

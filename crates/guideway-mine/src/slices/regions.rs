//! Regions of embedding space, as values of a column.

use rayon::prelude::*;

use crate::distance::squared;
use crate::diversity::{Pool, draw_apart};
use crate::error::{MineError, finite, length};
use crate::points::Points;

/// Rounds at most. Later ones hardly move a row.
const ROUNDS: usize = 50;

/// The most regions: more say no more than the rows themselves.
const MOST: usize = 65_536;

/// Centres of regions. A row belongs to the region of its nearest centre; of centres equally near, to the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Centres {
    values: Vec<f32>,
    width: usize,
}

impl Centres {
    /// Centres that were kept, row after row.
    ///
    /// # Errors
    /// [`MineError::Parameter`] for a width of 0 or without centres, [`MineError::Length`] for a last row that is not whole,
    /// [`MineError::NotFinite`].
    pub fn new(values: Vec<f32>, width: usize) -> Result<Self, MineError> {
        if width == 0 || values.is_empty() {
            return Err(MineError::Parameter {
                parameter: if width == 0 { "width" } else { "count" },
                value: "0".to_owned(),
                allowed: "1 and more",
            });
        }
        length("centres", values.len(), values.len().div_ceil(width) * width)?;
        finite("centres", &values, width)?;
        Ok(Self { values, width })
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Values in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many centres. Never 0.
    #[expect(clippy::len_without_is_empty, reason = "there is always a centre")]
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// The region of each row: of new drives, say.
    ///
    /// # Errors
    /// [`MineError::Length`] for rows of another width.
    pub fn assign(&self, points: &Points<'_>) -> Result<Vec<u32>, MineError> {
        length("points", points.width(), self.width)?;
        Ok(self.nearest(points))
    }

    fn nearest(&self, points: &Points<'_>) -> Vec<u32> {
        points
            .values()
            .par_chunks_exact(self.width)
            .map(|row| {
                let (mut best, mut least) = (0, f32::INFINITY);
                for (at, centre) in self.values.chunks_exact(self.width).enumerate() {
                    let distance = squared(row, centre);
                    if distance < least {
                        (best, least) = (at as u32, distance);
                    }
                }
                best
            })
            .collect()
    }
}

/// Rows divided into regions of embedding space.
#[derive(Debug, Clone, PartialEq)]
pub struct Regions {
    /// The regions' centres.
    pub centres: Centres,
    /// The region of each row.
    pub assignment: Vec<u32>,
}

/// Divides rows into `count` regions by k-means, so that "a region of embedding space" can be a term of a predicate.
/// Fewer regions come back where fewer rows differ.
///
/// First centres are drawn with the chances of k-means++ (Arthur and Vassilvitskii, "k-means++: the advantages of
/// careful seeding", 2007), then moved by Lloyd's rounds ("Least squares quantization in PCM", 1982) until no row
/// changes its region, or fifty times. The result is the same for any number of threads. Rows are better scaled to one
/// length first ([`unit_rows`](crate::unit_rows)) where the embedding was trained with cosines.
///
/// The events have no say in the regions, so that the p-values of slices hold.
///
/// ```
/// use guideway_mine::Points;
/// use guideway_mine::slices::{Column, Values, regions};
///
/// let embeddings = [0.0, 0.1, 9.0, 9.1, 0.2, 0.0, 9.2, 9.0];
/// let found = regions(&Points::new(&embeddings, 2)?, 2, 0)?;
/// assert_eq!(found.assignment[0], found.assignment[2]);
/// assert_ne!(found.assignment[0], found.assignment[1]);
/// // another drive, the same regions
/// let later = found.centres.assign(&Points::new(&[8.0, 8.0], 2)?)?;
/// assert_eq!(later[0], found.assignment[1]);
///
/// let values: Vec<Option<u32>> = found.assignment.iter().copied().map(Some).collect();
/// let column = Column::new("embedding_region", Values::Region(&values));
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
///
/// # Errors
/// [`MineError::Parameter`] without rows, or for a count that is 0, above the number of rows or above 65536.
pub fn regions(points: &Points<'_>, count: usize, seed: u64) -> Result<Regions, MineError> {
    if count == 0 || count > points.len().min(MOST) {
        return Err(MineError::Parameter {
            parameter: "count",
            value: count.to_string(),
            allowed: "1 to the number of rows, and at most 65536",
        });
    }
    let mut centres = Centres {
        values: draw_apart(&Pool::new(*points), count, seed)
            .into_iter()
            .flat_map(|row| points.row(row as usize))
            .copied()
            .collect(),
        width: points.width(),
    };
    let mut assignment = centres.nearest(points);
    for _ in 0..ROUNDS {
        centres.move_to_means(points, &assignment);
        let next = centres.nearest(points);
        if next == assignment {
            break;
        }
        assignment = next;
    }
    Ok(Regions { centres, assignment })
}

impl Centres {
    /// Each region's rows are summed in their order by one thread, which makes the same bits for any number of threads.
    /// A region without rows keeps its centre.
    fn move_to_means(&mut self, points: &Points<'_>, assignment: &[u32]) {
        let mut start = vec![0_usize; self.len() + 1];
        for region in assignment {
            start[*region as usize + 1] += 1;
        }
        for at in 0..self.len() {
            start[at + 1] += start[at];
        }
        let mut next = start.clone();
        let mut rows = vec![0_u32; assignment.len()];
        for (row, region) in assignment.iter().enumerate() {
            let place = &mut next[*region as usize];
            rows[*place] = row as u32;
            *place += 1;
        }
        let width = self.width;
        self.values
            .par_chunks_exact_mut(width)
            .enumerate()
            .for_each(|(region, centre)| {
                let rows = &rows[start[region]..start[region + 1]];
                if rows.is_empty() {
                    return;
                }
                let mut sums = vec![0.0_f64; width];
                for row in rows {
                    for (sum, value) in sums.iter_mut().zip(points.row(*row as usize)) {
                        *sum += f64::from(*value);
                    }
                }
                for (value, sum) in centre.iter_mut().zip(sums) {
                    *value = (sum / rows.len() as f64) as f32;
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Blobs of rows around far corners.
    fn blobs(rows: usize, width: usize, blobs: usize, seed: u64) -> (Vec<f32>, Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let corners: Vec<f32> = (0..blobs * width).map(|_| rng.random_range(-10.0..10.0)).collect();
        let mut values = Vec::new();
        let mut blob_of = Vec::new();
        for _ in 0..rows {
            let blob = rng.random_range(0..blobs as u32) as usize;
            blob_of.push(blob);
            values.extend((0..width).map(|at| corners[blob * width + at] + rng.random_range(-0.5_f32..0.5)));
        }
        (values, blob_of)
    }

    #[test]
    fn blobs_are_regions() {
        let (values, blob_of) = blobs(600, 12, 5, 3);
        let points = Points::new(&values, 12).unwrap();
        let found = regions(&points, 5, 1).unwrap();
        for a in 0..600 {
            for b in 0..a {
                assert_eq!(found.assignment[a] == found.assignment[b], blob_of[a] == blob_of[b]);
            }
        }
        assert_eq!(found.centres.assign(&points).unwrap(), found.assignment);
        let kept = Centres::new(found.centres.values().to_vec(), 12).unwrap();
        assert_eq!(kept, found.centres);
    }

    #[test]
    fn threads_do_not_matter() {
        let (values, _) = blobs(3000, 20, 40, 4);
        let points = Points::new(&values, 20).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| regions(&points, 16, 9).unwrap())
        };
        let one = run(1);
        assert_eq!(one, run(3));
        assert_ne!(one, regions(&points, 16, 10).unwrap());
        // each row is in the region of its nearest centre
        for (row, region) in one.assignment.iter().enumerate() {
            let to = |at: usize| squared(points.row(row), &one.centres.values()[at * 20..(at + 1) * 20]);
            assert!((0..16).all(|other| to(other) >= to(*region as usize)));
        }
    }

    #[test]
    fn equal_rows_make_fewer_regions() {
        let points = [1.0, 1.0, 2.0, 2.0, 1.0, 1.0];
        let found = regions(&Points::new(&points, 2).unwrap(), 3, 0).unwrap();
        assert_eq!(found.centres.len(), 2);
        assert_eq!(found.assignment[0], found.assignment[2]);
    }

    #[test]
    fn wrong_input_is_refused() {
        let points = Points::new(&[1.0, 2.0], 1).unwrap();
        for count in [0, 3] {
            assert!(matches!(
                regions(&points, count, 0),
                Err(MineError::Parameter { parameter: "count", .. })
            ));
        }
        assert!(regions(&Points::new(&[], 1).unwrap(), 1, 0).is_err());
        assert!(Centres::new(vec![], 1).is_err());
        assert!(Centres::new(vec![1.0], 0).is_err());
        assert!(matches!(
            Centres::new(vec![1.0; 3], 2),
            Err(MineError::Length {
                expected: 4,
                got: 3,
                ..
            })
        ));
        assert!(matches!(
            Centres::new(vec![f32::NAN], 1),
            Err(MineError::NotFinite { .. })
        ));
        let wide = Centres::new(vec![1.0, 2.0], 2).unwrap();
        assert!(wide.assign(&points).is_err());
    }
}

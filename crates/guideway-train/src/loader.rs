//! Batches, prepared ahead of the training by threads of their own.
//!
//! What is in a batch is a pure function of the seed and the batch's number. The threads take numbers from a counter, and
//! the training receives the batches in order through a bounded channel: more threads make it faster, never different.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender, bounded};
use guideway_core::{BBox, Reporter, Warning};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::config::{AugmentConfig, DetectorConfig};
use crate::error::TrainError;
use crate::picture::{Picture, Placement, Tone, Window, draw};
use crate::sample::{Sample, SampleSource};

/// Cached images keep this much more resolution than the input, for variations that enlarge.
const ROOM: f64 = 1.5;
/// A box of which less than this part is left after cropping is neither learnt nor punished.
const VISIBLE: f64 = 0.3;
/// A box below this side, in input pixels, likewise.
const MIN_SIDE: f64 = 3.0;

/// One object in a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Target {
    /// In input pixels, inside the input.
    pub(crate) bbox: BBox,
    pub(crate) class: usize,
    /// Nothing is to be learnt inside this box.
    pub(crate) ignored: bool,
}

/// The input of one step.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Batch {
    /// `[n, 3, height, width]`, normalised.
    pub(crate) images: Vec<f32>,
    /// The objects of each image.
    pub(crate) targets: Vec<Vec<Target>>,
}

/// A decoded sample: the image and its valid boxes.
struct Ready {
    picture: Picture,
    boxes: Vec<Target>,
}

/// A batch with its step.
type Numbered = (u64, Result<Batch, TrainError>);

/// Reads, decodes, varies and batches the samples of a source.
pub(crate) struct Loader<'a> {
    source: &'a dyn SampleSource,
    reporter: &'a dyn Reporter,
    augment: AugmentConfig,
    input: [usize; 2],
    classes: usize,
    seed: u64,
    batch: usize,
    epochs: usize,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    /// `None` for a sample whose image is broken.
    ready: HashMap<usize, Option<Arc<Ready>>>,
    bytes_left: usize,
    /// Samples whose invalid boxes were reported.
    reported: BTreeSet<usize>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(
        source: &'a dyn SampleSource,
        config: &DetectorConfig,
        classes: usize,
        reporter: &'a dyn Reporter,
    ) -> Self {
        Self {
            source,
            reporter,
            augment: config.augment.clone(),
            input: [config.model.input_width, config.model.input_height],
            classes,
            seed: config.train.seed,
            batch: config.train.batch,
            epochs: config.train.epochs,
            cache: Mutex::new(Cache {
                ready: HashMap::new(),
                bytes_left: config.train.cache_mb.saturating_mul(1_000_000),
                reported: BTreeSet::new(),
            }),
        }
    }

    /// Steps in one epoch; the last one may be smaller.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        self.source.len().div_ceil(self.batch) as u64
    }

    /// Steps in the whole training.
    pub(crate) fn steps(&self) -> u64 {
        self.steps_per_epoch() * self.epochs as u64
    }

    /// Starts `threads` threads that prepare the batches from step `first` on.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(crate) fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        first: u64,
        threads: usize,
    ) -> Result<Batches, TrainError> {
        let (sender, receiver): (Sender<Numbered>, _) = bounded(threads);
        let next = Arc::new(AtomicU64::new(first));
        for thread in 0..threads {
            let (sender, next) = (sender.clone(), Arc::clone(&next));
            std::thread::Builder::new()
                .name(format!("loader-{thread}"))
                .spawn_scoped(scope, move || {
                    loop {
                        let step = next.fetch_add(1, Ordering::Relaxed);
                        // The receiver is gone when the training stops early.
                        if step >= self.steps() || sender.send((step, self.batch(step))).is_err() {
                            break;
                        }
                    }
                })
                .map_err(|err| TrainError::Loader {
                    reason: err.to_string(),
                })?;
        }
        Ok(Batches {
            receiver,
            waiting: BTreeMap::new(),
            next: first,
        })
    }

    /// The batch of one step. Samples whose image is broken are left out, so it may be smaller, even empty.
    ///
    /// # Errors
    /// When the source fails, or a label has a class that does not exist.
    pub(crate) fn batch(&self, step: u64) -> Result<Batch, TrainError> {
        let per_epoch = self.steps_per_epoch().max(1);
        let (epoch, position) = (step / per_epoch, (step % per_epoch) as usize);
        let order = self.order(epoch);
        let first = position * self.batch;
        let indices = &order[first.min(order.len())..(first + self.batch).min(order.len())];
        let mosaic = self.mosaic(epoch);
        let mut batch = Batch::default();
        let length = 3 * self.input[0] * self.input[1];
        for &index in indices {
            let mut rng = random(&[
                b"sample",
                &self.seed.to_le_bytes(),
                &epoch.to_le_bytes(),
                &(index as u64).to_le_bytes(),
            ]);
            let mut image = vec![0.0; length];
            let mut targets = Vec::new();
            let drawn = if rng.random::<f64>() < mosaic {
                self.draw_mosaic(index, &mut rng, &mut image, &mut targets)?
            } else {
                self.draw_one(index, &mut rng, Window::whole(self.input), &mut image, &mut targets)?
            };
            if drawn {
                batch.images.extend_from_slice(&image);
                batch.targets.push(targets);
            }
        }
        Ok(batch)
    }

    fn mosaic(&self, epoch: u64) -> f64 {
        let last = self.epochs as f64 * (1.0 - self.augment.mosaic_off);
        if (epoch as f64) < last {
            self.augment.mosaic
        } else {
            0.0
        }
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.source.len()).collect();
        order.shuffle(&mut random(&[b"order", &self.seed.to_le_bytes(), &epoch.to_le_bytes()]));
        order
    }

    /// Four samples around a point near the middle.
    fn draw_mosaic(
        &self,
        index: usize,
        rng: &mut ChaCha8Rng,
        image: &mut [f32],
        targets: &mut Vec<Target>,
    ) -> Result<bool, TrainError> {
        let [x, y] = self
            .input
            .map(|side| (side as f64 * rng.random_range(0.35..0.65)) as usize);
        let [width, height] = self.input;
        let mut drawn = false;
        for (quarter, window) in [
            ([0, x], [0, y]),
            ([x, width], [0, y]),
            ([0, x], [y, height]),
            ([x, width], [y, height]),
        ]
        .into_iter()
        .enumerate()
        {
            let other = rng.random_range(0..self.source.len());
            let index = if quarter == 0 { index } else { other };
            let window = Window {
                x: window.0,
                y: window.1,
            };
            drawn |= self.draw_one(index, rng, window, image, targets)?;
        }
        Ok(drawn)
    }

    /// Draws one varied sample into a window; `false` when its image is broken.
    fn draw_one(
        &self,
        index: usize,
        rng: &mut ChaCha8Rng,
        window: Window,
        image: &mut [f32],
        targets: &mut Vec<Target>,
    ) -> Result<bool, TrainError> {
        let Some(ready) = self.ready(index)? else {
            return Ok(false);
        };
        let augment = &self.augment;
        let even = |rng: &mut ChaCha8Rng, reach: f64| (rng.random::<f64>() * 2.0 - 1.0) * reach;
        let mirror = rng.random::<f64>() < augment.flip;
        let low = augment.scale_min.ln();
        let factor = (low + rng.random::<f64>() * (augment.scale_max.ln() - low)).exp();
        let stretch = even(rng, (1.0 + augment.stretch).ln() / 2.0).exp();
        let room = [window.x[1] - window.x[0], window.y[1] - window.y[0]].map(|side| side.max(1));
        let fit = Placement::fit(ready.picture.size, room);
        let scale = [fit.scale[0] * factor * stretch, fit.scale[1] * factor / stretch];
        let origin = [window.x[0] as f64, window.y[0] as f64];
        let mut offset = [0.0; 2];
        for axis in 0..2 {
            let spare = room[axis] as f64 - ready.picture.size[axis] * scale[axis];
            let shift = even(rng, spare.abs() / 2.0 + augment.translate * room[axis] as f64);
            offset[axis] = origin[axis] + spare / 2.0 + shift;
        }
        let mirrored = mirror.then_some((window.x[0] + window.x[1]) as f64);
        let placement = Placement {
            scale,
            offset,
            mirrored,
        };
        let mut tone = || 1.0 + even(rng, augment.color) as f32;
        let tone = Tone {
            brightness: tone(),
            contrast: tone(),
            saturation: tone(),
        };
        draw(&ready.picture, &placement, tone, window, self.input, image);
        targets.extend(ready.boxes.iter().filter_map(|target| crop(target, &placement, window)));
        Ok(true)
    }

    /// The decoded sample, from the cache if it is there; `None` when its image is broken.
    fn ready(&self, index: usize) -> Result<Option<Arc<Ready>>, TrainError> {
        let lock = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().ready.get(&index) {
            return Ok(known.clone());
        }
        let failed = |source| TrainError::Source {
            first: index,
            last: index,
            source,
        };
        let sample = self.source.fetch(&[index]).map_err(failed)?.into_iter().next();
        let sample = sample.ok_or_else(|| failed("the source returned nothing".into()))?;
        let (boxes, invalid) = valid_boxes(&sample, self.classes)?;
        let ready = Picture::decode(&sample, self.input, ROOM).map(|picture| Arc::new(Ready { picture, boxes }));
        let mut cache = lock();
        // Another thread may have been quicker; warnings must be given once.
        if let Some(known) = cache.ready.get(&index) {
            return Ok(known.clone());
        }
        let warn = |code: &str, message: String, count: u64| {
            self.reporter.warn(Warning {
                code: code.to_owned(),
                message,
                location: sample.id.clone(),
                count,
            });
        };
        match ready {
            Err(err) => {
                cache.ready.insert(index, None);
                drop(cache);
                warn("broken-image", format!("{err}; the sample is left out"), 1);
                Ok(None)
            }
            Ok(ready) => {
                let bytes = ready.picture.bytes();
                if bytes <= cache.bytes_left {
                    cache.bytes_left -= bytes;
                    cache.ready.insert(index, Some(Arc::clone(&ready)));
                }
                let report = invalid > 0 && cache.reported.insert(index);
                drop(cache);
                if report {
                    let message = "boxes without area or with a coordinate that is no number";
                    warn("invalid-box", message.to_owned(), invalid);
                }
                Ok(Some(ready))
            }
        }
    }
}

/// The boxes that can be learnt from, and how many cannot.
fn valid_boxes(sample: &Sample, classes: usize) -> Result<(Vec<Target>, u64), TrainError> {
    let mut boxes = Vec::with_capacity(sample.boxes.len());
    let mut invalid = 0;
    for labelled in &sample.boxes {
        let class = labelled.class as usize;
        let ignored = labelled.is_crowd || labelled.is_ignored;
        if class >= classes && !ignored {
            return Err(TrainError::ClassOutOfRange {
                sample: sample.id.clone(),
                class: labelled.class,
                classes,
            });
        }
        if !labelled.bbox.is_valid() {
            invalid += 1;
            continue;
        }
        boxes.push(Target {
            bbox: labelled.bbox,
            class,
            ignored,
        });
    }
    Ok((boxes, invalid))
}

/// The part of an object inside a window.
fn crop(target: &Target, placement: &Placement, window: Window) -> Option<Target> {
    let placed = placement.apply(target.bbox);
    let clamp = |value: f64, [low, high]: [usize; 2]| value.clamp(low as f64, high as f64);
    let bbox = BBox::new(
        clamp(placed.x_min, window.x),
        clamp(placed.y_min, window.y),
        clamp(placed.x_max, window.x),
        clamp(placed.y_max, window.y),
    );
    if !bbox.is_valid() {
        return None;
    }
    let hidden = bbox.area() < VISIBLE * placed.area() || bbox.width() < MIN_SIDE || bbox.height() < MIN_SIDE;
    Some(Target {
        bbox,
        class: target.class,
        ignored: target.ignored || hidden,
    })
}

/// A generator that depends on all of these parts and on nothing else.
pub(crate) fn random(parts: &[&[u8]]) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Batches in the order of their steps.
pub(crate) struct Batches {
    receiver: Receiver<Numbered>,
    /// Batches that came before their turn: at most two per thread.
    waiting: BTreeMap<u64, Result<Batch, TrainError>>,
    next: u64,
}

impl Batches {
    /// The next batch; `None` after the last one.
    pub(crate) fn next(&mut self) -> Option<Result<Batch, TrainError>> {
        loop {
            if let Some(batch) = self.waiting.remove(&self.next) {
                self.next += 1;
                return Some(batch);
            }
            let (step, batch) = self.receiver.recv().ok()?;
            self.waiting.insert(step, batch);
        }
    }
}

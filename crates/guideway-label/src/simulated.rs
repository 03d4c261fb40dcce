//! A labeler that draws the true boxes with errors.
//!
//! For each true box, in this order:
//!
//! 1. Nothing is drawn of what has no part in the image, or is lower there than `min_height_px`.
//! 2. It is found with the probability of [`SimulatedLabeler::chance_found`].
//! 3. Its class is drawn from the confusion table. Where a class comes out that is not asked for, the true one stays; where the
//!    true one is not asked for either, nothing is drawn.
//! 4. Each of its four sides moves by a normal error of standard deviation `hypot(box_noise × side, box_noise_px)`; sides that
//!    swap are put in order, the box is cut to the image, and is at least one pixel wide and high.
//!
//! Each box has a stream of random numbers of its own, so that other boxes, or a lower miss rate, do not change how it is drawn.

use std::collections::BTreeSet;

use guideway_core::BBox;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::config::LabelerConfig;
use crate::error::LabelError;
use crate::labeler::{Estimate, Labeler};
use crate::money::{Currency, Money};
use crate::stream::Streams;
use crate::task::{Answer, LabelledBox, Outcome, Refusal, Task, TruthBox};

/// Least width and height that anybody draws, px.
const LEAST_PX: f64 = 1.0;
/// Height of an invented box, as a fraction of the image's.
const INVENTED_HEIGHT: [f64; 2] = [0.02, 0.25];
/// Width of an invented box, as a fraction of its height.
const INVENTED_WIDTH: [f64; 2] = [0.4, 2.5];

/// A simulated labeler: its settings, checked, and where its random numbers begin.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedLabeler {
    config: LabelerConfig,
    seed: u64,
    price_per_frame: Money,
    price_per_box: Money,
}

impl SimulatedLabeler {
    /// A labeler with these settings.
    ///
    /// # Errors
    /// [`LabelError::Parameter`] for a value out of range.
    pub fn new(config: LabelerConfig, seed: u64, currency: Currency) -> Result<Self, LabelError> {
        config.validate()?;
        Ok(Self::checked(config, seed, currency))
    }

    /// The same for settings that were checked before.
    pub(crate) fn checked(config: LabelerConfig, seed: u64, currency: Currency) -> Self {
        Self {
            price_per_frame: Money::from_price(config.price_per_frame, currency),
            price_per_box: Money::from_price(config.price_per_box, currency),
            config,
            seed,
        }
    }

    /// Its settings.
    pub fn config(&self) -> &LabelerConfig {
        &self.config
    }

    /// Probability that an object is found, given the height of its box in px and the visible fraction of it
    /// ([`TruthBox::visible`]): `(1 - miss_rate) × 2^-(miss_half_height_px / height)^k × 2^-(miss_half_visible / visible)^k`, with `k`
    /// for `miss_steepness`.
    ///
    /// ```
    /// use guideway_label::{Currency, LabelerConfig, SimulatedLabeler};
    /// let ann = SimulatedLabeler::new(LabelerConfig::default(), 0, Currency::USD)?;
    /// assert!(ann.chance_found(200.0, 1.0) > 0.98);
    /// assert!(ann.chance_found(10.0, 1.0) < 0.9);
    /// assert!(ann.chance_found(200.0, 0.1) < 0.35);
    /// # Ok::<(), guideway_label::LabelError>(())
    /// ```
    pub fn chance_found(&self, height_px: f64, visible: f64) -> f64 {
        let c = &self.config;
        let factor = |half: f64, x: f64| {
            // Where the half is 0 nothing depends on x, not even at 0.
            if half > 0.0 {
                (-(half / x).powf(c.miss_steepness)).exp2()
            } else {
                1.0
            }
        };
        (1.0 - c.miss_rate) * factor(c.miss_half_height_px, height_px) * factor(c.miss_half_visible, visible)
    }

    /// Most boxes per frame that are invented.
    fn chances_to_invent(&self) -> u32 {
        (4.0 * self.config.invent_rate).ceil() as u32
    }

    /// Price of a frame in which so many boxes were drawn.
    fn price(&self, boxes: u64) -> Result<Money, LabelError> {
        self.price_per_frame.checked_add(self.price_per_box.times(boxes)?)
    }

    fn streams<'a>(&'a self, task: &Task<'a>) -> Streams<'a> {
        Streams {
            seed: self.seed,
            labeler: &self.config.name,
            frame_id: task.frame_id,
        }
    }

    fn draw(&self, task: &Task<'_>, truth: &TruthBox) -> Option<LabelledBox> {
        let part = task.visible_part(truth.bbox)?;
        if part.height() < self.config.min_height_px {
            return None;
        }
        let mut rng = self.streams(task).of("box", &truth.label_id);
        let [found, chosen]: [f64; 2] = rng.random();
        if found >= self.chance_found(part.height(), truth.visible()) {
            return None;
        }
        let class = self.class(task, truth, chosen);
        task.asks_for(class).then(|| LabelledBox {
            class: class.to_owned(),
            bbox: self.blur(task, part, &mut rng),
            truth_id: Some(truth.label_id.clone()),
            track_id: truth.track_id.clone(),
            is_crowd: truth.is_crowd,
            is_ignored: truth.is_ignored,
        })
    }

    /// The class that is chosen, for a number from 0 to 1.
    fn class<'a>(&'a self, task: &Task<'_>, truth: &'a TruthBox, chosen: f64) -> &'a str {
        let region = truth.is_crowd || truth.is_ignored;
        let row = self.config.confusion.get(&truth.class).filter(|_| !region);
        let mut sum = 0.0;
        for (other, probability) in row.into_iter().flatten() {
            sum += probability;
            if chosen < sum {
                return if task.asks_for(other) { other } else { &truth.class };
            }
        }
        &truth.class
    }

    fn blur(&self, task: &Task<'_>, b: BBox, rng: &mut ChaCha8Rng) -> BBox {
        let c = &self.config;
        let mut pair = |low: f64, high: f64, size: u32| {
            let deviation = (c.box_noise * (high - low)).hypot(c.box_noise_px);
            let [left, right]: [f64; 2] = std::array::from_fn(|_| rng.sample(StandardNormal));
            side([low, high], [deviation * left, deviation * right], f64::from(size))
        };
        let [x_min, x_max] = pair(b.x_min, b.x_max, task.width);
        let [y_min, y_max] = pair(b.y_min, b.y_max, task.height);
        BBox::new(x_min, y_min, x_max, y_max)
    }

    /// Boxes where nothing is. Their classes are among those asked for, or, with none listed, among those in the frame.
    fn invent(&self, task: &Task<'_>) -> Vec<LabelledBox> {
        let classes: BTreeSet<&str> = if task.classes.is_empty() {
            task.truth.iter().map(|truth| truth.class.as_str()).collect()
        } else {
            task.classes.iter().map(String::as_str).collect()
        };
        let classes = Vec::from_iter(classes);
        let [width, height] = [task.width, task.height].map(f64::from);
        if classes.is_empty() || height < self.config.min_height_px {
            return Vec::new();
        }
        let chances = self.chances_to_invent();
        let streams = self.streams(task);
        let invented = |chance: u32| {
            let mut rng = streams.of("invented", &chance.to_string());
            let [happens, class, tall, wide, x, y]: [f64; 6] = rng.random();
            // The class is there: the number is below 1.
            let class = classes.get((class * classes.len() as f64) as usize)?;
            (happens * f64::from(chances) < self.config.invent_rate).then(|| {
                let least = self.config.min_height_px.max(LEAST_PX);
                let [low, high] = INVENTED_HEIGHT.map(|part| (part * height).clamp(least, height));
                let h = between(low, high, tall).min(height);
                let w = (h * between(INVENTED_WIDTH[0], INVENTED_WIDTH[1], wide)).clamp(LEAST_PX, width);
                let [x, y] = [x * (width - w), y * (height - h)];
                LabelledBox {
                    class: (*class).to_owned(),
                    bbox: BBox::from_xywh(x, y, w, h).clip(width, height),
                    truth_id: None,
                    track_id: None,
                    is_crowd: false,
                    is_ignored: false,
                }
            })
        };
        (0..chances).filter_map(invented).collect()
    }
}

impl Labeler for SimulatedLabeler {
    fn name(&self) -> &str {
        &self.config.name
    }

    /// Draws the true boxes with errors, in their order, and then those that are invented. Asked twice, it gives the same answer.
    ///
    /// # Errors
    /// [`LabelError::EmptyImage`], [`LabelError::Truth`] or [`LabelError::RepeatedLabel`] for a task that makes no sense,
    /// [`LabelError::TooMuchMoney`] for a price beyond counting.
    fn label(&self, task: &Task<'_>) -> Result<Answer, LabelError> {
        task.check()?;
        let c = &self.config;
        let mut rng = self.streams(task).of("frame", "");
        let [refuses, reason]: [f64; 2] = rng.random();
        let spread: f64 = rng.sample(StandardNormal);
        let outcome = if refuses < c.refusal_rate {
            let place = (reason * c.refusal_reasons.len() as f64) as usize;
            Outcome::Refused(Refusal {
                reason: c.refusal_reasons.get(place).cloned().unwrap_or_default(),
            })
        } else {
            let drawn = task.truth.iter().filter_map(|truth| self.draw(task, truth));
            Outcome::Boxes(drawn.chain(self.invent(task)).collect())
        };
        let mut answer = Answer {
            frame_id: task.frame_id.to_owned(),
            labeler: c.name.clone(),
            outcome,
            seconds: 0.0,
            price: self.price_per_frame,
        };
        let boxes = answer.boxes().len();
        // The mean of a log-normal is above its median by half the variance of the logarithm.
        let factor = (c.time_spread * spread - c.time_spread * c.time_spread / 2.0).exp();
        answer.seconds = (c.seconds_per_frame + c.seconds_per_box * boxes as f64) * factor;
        answer.price = self.price(boxes as u64)?;
        Ok(answer)
    }

    /// Objects are taken to be large, visible and of the classes asked for: with others the means are lower.
    ///
    /// # Errors
    /// [`LabelError::TooMuchMoney`] for a price beyond counting.
    fn estimate(&self, boxes: u64) -> Result<Estimate, LabelError> {
        let c = &self.config;
        let drawn = (1.0 - c.refusal_rate) * ((1.0 - c.miss_rate) * boxes as f64 + c.invent_rate);
        let price_at_most = self.price(boxes.saturating_add(u64::from(self.chances_to_invent())))?;
        let micros = self.price_per_frame.micros() as f64 + drawn * self.price_per_box.micros() as f64;
        let price = Money::at_least(micros, price_at_most.currency())?;
        Ok(Estimate {
            seconds: c.seconds_per_frame + c.seconds_per_box * drawn,
            // Rounding of large sums is no reason to expect more than the most.
            price: if price > price_at_most { price_at_most } else { price },
            price_at_most,
        })
    }
}

/// Two opposite sides with errors, in order, inside `0..=size` and at least a pixel apart. Without error they stay as they are.
fn side(ends: [f64; 2], errors: [f64; 2], size: f64) -> [f64; 2] {
    if errors == [0.0; 2] {
        return ends;
    }
    let [a, b] = [ends[0] + errors[0], ends[1] + errors[1]].map(|end| end.clamp(0.0, size));
    let [low, high] = [a.min(b), a.max(b)];
    if high - low >= LEAST_PX {
        return [low, high];
    }
    let low = (f64::midpoint(low, high) - LEAST_PX / 2.0).clamp(0.0, (size - LEAST_PX).max(0.0));
    [low, (low + LEAST_PX).min(size)]
}

/// Uniform in the logarithm.
fn between(low: f64, high: f64, at: f64) -> f64 {
    low * (high / low).powf(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_stay_in_order_inside_and_a_pixel_apart() {
        assert_eq!(side([2.25, 2.5], [0.0, 0.0], 10.0), [2.25, 2.5]);
        assert_eq!(side([2.0, 6.0], [1.0, -1.0], 10.0), [3.0, 5.0]);
        assert_eq!(side([2.0, 6.0], [3.0, -3.0], 10.0), [3.0, 5.0]);
        assert_eq!(side([2.0, 6.0], [-3.0, 9.0], 10.0), [0.0, 10.0]);
        assert_eq!(side([2.0, 3.0], [1.0, 0.5], 10.0), [2.75, 3.75]);
        assert_eq!(side([9.0, 9.5], [5.0, 5.0], 10.0), [9.0, 10.0]);
        assert_eq!(side([0.0, 1e-300], [0.1, -0.2], 10.0), [0.0, 1.0]);
        assert_eq!(side([0.2, 0.4], [0.1, 0.1], 1.0), [0.0, 1.0]);
    }

    #[test]
    fn the_chance_to_be_found_halves_where_the_settings_say() {
        let labeler = |set: fn(&mut LabelerConfig)| {
            let mut config = LabelerConfig::perfect();
            set(&mut config);
            SimulatedLabeler::new(config, 0, Currency::USD).unwrap()
        };
        let perfect = labeler(|_| ());
        for (height, visible) in [(0.0, 0.0), (1e-300, 1.0), (1e4, 0.5)] {
            assert_eq!(perfect.chance_found(height, visible), 1.0);
        }
        let small = labeler(|c| c.miss_half_height_px = 12.0);
        assert_eq!(small.chance_found(12.0, 0.0), 0.5);
        assert_eq!(small.chance_found(0.0, 1.0), 0.0);
        assert!((small.chance_found(24.0, 1.0) - (-0.125_f64).exp2()).abs() < 1e-12);
        let hidden = labeler(|c| c.miss_half_visible = 0.25);
        assert_eq!(hidden.chance_found(1.0, 0.25), 0.5);
        assert_eq!(hidden.chance_found(1e4, 0.0), 0.0);
        let both = labeler(|c| {
            (c.miss_rate, c.miss_half_height_px, c.miss_half_visible) = (0.2, 12.0, 0.25);
        });
        assert!((both.chance_found(12.0, 0.25) - 0.2).abs() < 1e-12);
    }
}

//! Scores of places in probability maps.

use crate::error::{MineError, length};

/// Entropy of a coin with this probability, bits.
fn coin(p: f32) -> f64 {
    let p = f64::from(p);
    let part = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    part(p) + part(1.0 - p)
}

/// The maps of an ensemble for one class: at least one, all of one length, all of probabilities.
fn check(members: &[&[f32]]) -> Result<usize, MineError> {
    let Some(first) = members.first() else {
        return Err(MineError::Length {
            what: "members",
            expected: 1,
            got: 0,
        });
    };
    for map in members {
        length("map", map.len(), first.len())?;
        // NaN is in no range.
        if let Some(row) = map.iter().position(|p| !(0.0..=1.0).contains(p)) {
            return Err(MineError::OutOfRange {
                what: "map",
                row,
                value: f64::from(map[row]),
                allowed: "a probability, 0 to 1",
            });
        }
    }
    Ok(first.len())
}

fn mean(members: &[&[f32]], place: usize) -> f32 {
    let sum: f64 = members.iter().map(|map| f64::from(map[place])).sum();
    (sum / members.len() as f64) as f32
}

/// Entropy of the mean probability at each place, `H(p̄)`, bits: how unsure the ensemble is, for whatever reason.
///
/// ```
/// let mut scores = Vec::new();
/// guideway_mine::scores::entropy(&[&[0.0, 0.5, 1.0]], &mut scores)?;
/// assert_eq!(scores, [0.0, 1.0, 0.0]);
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
///
/// # Errors
/// [`MineError::Length`] for maps of different lengths or none, [`MineError::OutOfRange`] for what is no probability.
pub fn entropy(members: &[&[f32]], out: &mut Vec<f32>) -> Result<(), MineError> {
    let places = check(members)?;
    out.extend((0..places).map(|place| coin(mean(members, place)) as f32));
    Ok(())
}

/// Mutual information between the probability and the choice of the member at each place, `H(p̄) − mean H(pₑ)`, bits: how much the
/// members contradict each other. What all find equally doubtful, as a distant blur, scores low: labels would not help. 0 for one member.
///
/// ```
/// let mut scores = Vec::new();
/// guideway_mine::scores::mutual_information(&[&[0.0, 0.5], &[1.0, 0.5]], &mut scores)?;
/// assert_eq!(scores, [1.0, 0.0]);
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
///
/// # Errors
/// As [`entropy`].
pub fn mutual_information(members: &[&[f32]], out: &mut Vec<f32>) -> Result<(), MineError> {
    let places = check(members)?;
    out.extend((0..places).map(|place| {
        let own: f64 = members.iter().map(|map| coin(map[place])).sum();
        // Rounding must not make it negative.
        (coin(mean(members, place)) - own / members.len() as f64).max(0.0) as f32
    }));
    Ok(())
}

/// One minus the margin between the two outcomes at each place, `1 − |p̄ − (1 − p̄)|`: 0 for certain, 1 for a half.
///
/// # Errors
/// As [`entropy`].
pub fn margin(members: &[&[f32]], out: &mut Vec<f32>) -> Result<(), MineError> {
    let places = check(members)?;
    out.extend((0..places).map(|place| 1.0 - (2.0 * mean(members, place) - 1.0).abs()));
    Ok(())
}

/// Length of the gradient of the output layer's loss at each place, for the label that the model itself finds likelier. The output layer is a
/// 1×1 convolution with a bias, and the loss is binary cross entropy, for which it is `|p − ŷ| · √(|f|² + 1)`, with ŷ 1 where
/// p ≥ ½ and 0 elsewhere. `feature_norms` are |f|, the lengths of the features that go into the layer.
///
/// With an ensemble it is the mean over the members, each with its own features.
///
/// # Errors
/// As [`entropy`], and for norms that are not one list per map, of its length, or negative.
pub fn gradient_norm(members: &[&[f32]], feature_norms: &[&[f32]], out: &mut Vec<f32>) -> Result<(), MineError> {
    let places = check(members)?;
    length("feature norms", feature_norms.len(), members.len())?;
    for norms in feature_norms {
        length("feature norms", norms.len(), places)?;
        if let Some(row) = norms.iter().position(|n| !(*n >= 0.0 && n.is_finite())) {
            return Err(MineError::OutOfRange {
                what: "feature norms",
                row,
                value: f64::from(norms[row]),
                allowed: "0 and more",
            });
        }
    }
    out.extend((0..places).map(|place| {
        let length = |(map, norms): (&&[f32], &&[f32])| {
            let (p, norm) = (f64::from(map[place]), f64::from(norms[place]));
            p.min(1.0 - p) * (norm * norm + 1.0).sqrt()
        };
        let sum: f64 = members.iter().zip(feature_norms).map(length).sum();
        (sum / members.len() as f64) as f32
    }));
    Ok(())
}

/// The gradient that [`gradient_norm`] measures, at the place where it is longest: `(p − ŷ) · (f, 1)`, one value more than the features have.
/// One class after the other it is the row of a frame for [`badge`](crate::diversity::badge). `features` are `[channels, places]`,
/// row by row.
///
/// # Errors
/// [`MineError::Length`], [`MineError::OutOfRange`], [`MineError::NotFinite`].
pub fn gradient_embedding(map: &[f32], features: &[f32], channels: usize, out: &mut Vec<f32>) -> Result<(), MineError> {
    let places = check(&[map])?;
    length("features", features.len(), channels * places)?;
    crate::error::finite("features", features, places)?;
    let mut best: Option<(f64, usize)> = None;
    let norm2 = |place: usize| {
        (0..channels)
            .map(|c| f64::from(features[c * places + place]).powi(2))
            .sum::<f64>()
    };
    for (place, p) in map.iter().enumerate() {
        let p = f64::from(*p);
        let length = p.min(1.0 - p) * (norm2(place) + 1.0).sqrt();
        if best.is_none_or(|(most, _)| length > most) {
            best = Some((length, place));
        }
    }
    match best {
        None => out.extend(std::iter::repeat_n(0.0, channels + 1)),
        Some((_, place)) => {
            let p = map[place];
            let error = if p >= 0.5 { p - 1.0 } else { p };
            out.extend((0..channels).map(|c| error * features[c * places + place]));
            out.push(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(f: impl Fn(&[&[f32]], &mut Vec<f32>) -> Result<(), MineError>, members: &[Vec<f32>]) -> Vec<f32> {
        let members: Vec<&[f32]> = members.iter().map(Vec::as_slice).collect();
        let mut out = Vec::new();
        f(&members, &mut out).unwrap();
        out
    }

    /// The same, from the joint distribution of member and outcome.
    fn information(ps: &[f32]) -> f64 {
        let n = ps.len() as f64;
        let mut sum = 0.0;
        for p in ps {
            for (outcome, all) in [
                (f64::from(*p), ps.iter().map(|p| f64::from(*p)).sum::<f64>() / n),
                (
                    1.0 - f64::from(*p),
                    ps.iter().map(|p| 1.0 - f64::from(*p)).sum::<f64>() / n,
                ),
            ] {
                if outcome > 0.0 {
                    sum += outcome / n * (outcome / all).log2();
                }
            }
        }
        sum
    }

    proptest! {
        #[test]
        fn information_is_that_of_the_joint_distribution(ps in prop::collection::vec(0.0_f32..=1.0, 1..9)) {
            let members: Vec<Vec<f32>> = ps.iter().map(|p| vec![*p]).collect();
            let found = scores(mutual_information, &members)[0];
            prop_assert!((f64::from(found) - information(&ps)).abs() < 1e-6);
            prop_assert!(found >= 0.0 && found <= scores(entropy, &members)[0] + 1e-6);
            if ps.len() == 1 {
                prop_assert_eq!(found, 0.0);
            }
        }

        #[test]
        fn entropy_and_margin_order_coins_alike(a in 0.0_f32..=1.0, b in 0.0_f32..=1.0) {
            let members = [vec![a, b]];
            let (h, m) = (scores(entropy, &members), scores(margin, &members));
            prop_assert!((0.0..=1.0).contains(&h[0]) && (0.0..=1.0).contains(&m[0]));
            if m[0] > m[1] + 1e-6 {
                prop_assert!(h[0] >= h[1]);
            }
        }

        /// The gradient of −log p(ŷ) by finite differences of the output layer's weights.
        #[test]
        fn gradients_are_those_of_the_loss(f in prop::collection::vec(-2.0_f32..2.0, 3), w in prop::collection::vec(-1.0_f32..1.0, 4)) {
            let logit = |w: &[f64]| f.iter().zip(w).map(|(f, w)| f64::from(*f) * w).sum::<f64>() + w[3];
            let weights: Vec<f64> = w.iter().map(|w| f64::from(*w)).collect();
            let p = 1.0 / (1.0 + (-logit(&weights)).exp());
            let loss = |w: &[f64]| {
                let z = logit(w);
                if p >= 0.5 { (1.0 + (-z).exp()).ln() } else { (1.0 + z.exp()).ln() }
            };
            let gradient: Vec<f64> = (0..4).map(|i| {
                let moved = |by: f64| { let mut w = weights.clone(); w[i] += by; loss(&w) };
                (moved(1e-5) - moved(-1e-5)) / 2e-5
            }).collect();
            let mut embedding = Vec::new();
            gradient_embedding(&[p as f32], &f, 3, &mut embedding).unwrap();
            for (a, b) in gradient.iter().zip(&embedding) {
                prop_assert!((a - f64::from(*b)).abs() < 1e-4, "{gradient:?} {embedding:?}");
            }
            let norm = f.iter().map(|f| f * f).sum::<f32>().sqrt();
            let mut length = Vec::new();
            gradient_norm(&[&[p as f32]], &[&[norm]], &mut length).unwrap();
            let expected = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            prop_assert!((f64::from(length[0]) - expected).abs() < 1e-4);
        }
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        let mut out = Vec::new();
        assert!(entropy(&[], &mut out).is_err());
        assert!(entropy(&[&[0.5, f32::NAN]], &mut out).is_err());
        assert!(margin(&[&[1.5]], &mut out).is_err());
        assert!(mutual_information(&[&[0.5], &[0.5, 0.5]], &mut out).is_err());
        assert!(gradient_norm(&[&[0.5]], &[], &mut out).is_err());
        assert!(gradient_norm(&[&[0.5]], &[&[-1.0]], &mut out).is_err());
        assert!(gradient_embedding(&[0.5], &[f32::INFINITY], 1, &mut out).is_err());
        assert!(out.is_empty(), "nothing is appended on an error");
    }
}

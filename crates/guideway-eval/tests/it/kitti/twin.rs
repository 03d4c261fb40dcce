//! The benchmark as the C++ writes it: everything again for each class, metric, level and threshold.

use guideway_core::BBox;
use guideway_eval::kitti::{Detection, GroundTruth, KittiClass, Label, Level, Object};

/// Area that two convex polygons share: corners inside the other and crossings of sides, by angle around their middle.
fn shared(a: &[[f64; 2]; 4], b: &[[f64; 2]; 4]) -> f64 {
    let cross = |o: [f64; 2], p: [f64; 2], q: [f64; 2]| (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0]);
    let inside = |p: [f64; 2], polygon: &[[f64; 2]; 4]| {
        let sides: Vec<f64> = (0..4).map(|i| cross(polygon[i], polygon[(i + 1) % 4], p)).collect();
        sides.iter().all(|s| *s >= -1e-12) || sides.iter().all(|s| *s <= 1e-12)
    };
    let mut points: Vec<[f64; 2]> = a.iter().copied().filter(|p| inside(*p, b)).collect();
    points.extend(b.iter().copied().filter(|p| inside(*p, a)));
    for i in 0..4 {
        for j in 0..4 {
            let (p, q, r, s) = (a[i], a[(i + 1) % 4], b[j], b[(j + 1) % 4]);
            let (d0, d1) = (cross(r, s, p), cross(r, s, q));
            let (e0, e1) = (cross(p, q, r), cross(p, q, s));
            if d0 * d1 < 0.0 && e0 * e1 < 0.0 {
                let t = d0 / (d0 - d1);
                points.push([p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]);
            }
        }
    }
    if points.len() < 3 {
        return 0.0;
    }
    let n = points.len() as f64;
    let middle = [
        points.iter().map(|p| p[0]).sum::<f64>() / n,
        points.iter().map(|p| p[1]).sum::<f64>() / n,
    ];
    points.sort_by(|p, q| {
        let angle = |p: &[f64; 2]| (p[1] - middle[1]).atan2(p[0] - middle[0]);
        angle(p).total_cmp(&angle(q))
    });
    let area: f64 = (0..points.len())
        .map(|i| cross(middle, points[i], points[(i + 1) % points.len()]))
        .sum();
    area.abs() / 2.0
}

fn corners(o: &Object) -> [[f64; 2]; 4] {
    let [_, w, l] = o.dimensions;
    let (s, c) = o.rotation_y.sin_cos();
    [(l, w), (l, -w), (-l, -w), (-l, w)].map(|(x, z)| {
        [
            c * x / 2.0 + s * z / 2.0 + o.location[0],
            -s * x / 2.0 + c * z / 2.0 + o.location[2],
        ]
    })
}

/// Over the union, or over the detection.
fn overlap(kind: usize, d: &Object, g: &Object, over_detection: bool) -> f64 {
    let (inter, own, other) = if kind == 0 {
        let (a, b) = (d.bbox, g.bbox);
        let w = a.x_max.min(b.x_max) - a.x_min.max(b.x_min);
        let h = a.y_max.min(b.y_max) - a.y_min.max(b.y_min);
        if w <= 0.0 || h <= 0.0 {
            return 0.0;
        }
        let area = |b: BBox| (b.x_max - b.x_min) * (b.y_max - b.y_min);
        (w * h, area(a), area(b))
    } else {
        let area = shared(&corners(d), &corners(g));
        let size = |o: &Object| o.dimensions[1] * o.dimensions[2];
        if kind == 1 {
            (area, size(d), size(g))
        } else {
            let top = (d.location[1] - d.dimensions[0]).max(g.location[1] - g.dimensions[0]);
            let bottom = d.location[1].min(g.location[1]);
            let volume = |o: &Object| size(o) * o.dimensions[0];
            (area * (bottom - top).max(0.0), volume(d), volume(g))
        }
    };
    if over_detection {
        inter / own
    } else {
        inter / (own + other - inter)
    }
}

struct Frame {
    labels: Vec<Label>,
    detections: Vec<Detection>,
    ignored_label: Vec<i32>,
    ignored_detection: Vec<i32>,
    areas: Vec<Object>,
}

#[derive(Default, Clone)]
struct Statistics {
    scores: Vec<f64>,
    similarity: f64,
    tp: u32,
    fp: u32,
    missed: u32,
}

fn statistics(f: &Frame, kind: usize, min: f64, threshold: Option<f64>) -> Statistics {
    let mut stat = Statistics::default();
    let mut assigned = vec![false; f.detections.len()];
    let below = |d: &Detection| threshold.is_some_and(|threshold| d.score < threshold);
    for (g, label) in f.labels.iter().enumerate() {
        if f.ignored_label[g] == -1 {
            continue;
        }
        let (mut chosen, mut best_score, mut max_overlap, mut has_ignored) = (None, -1e7, 0.0, false);
        for (j, d) in f.detections.iter().enumerate() {
            if f.ignored_detection[j] == -1 || assigned[j] || below(d) {
                continue;
            }
            let o = overlap(kind, &d.object, &label.object, false);
            if o.is_nan() || o <= min {
                continue;
            }
            if threshold.is_none() {
                if d.score > best_score {
                    best_score = d.score;
                    chosen = Some(j);
                }
            } else if f.ignored_detection[j] == 0 && (o > max_overlap || has_ignored) {
                (chosen, max_overlap, has_ignored) = (Some(j), o, false);
            } else if f.ignored_detection[j] == 1 && chosen.is_none() {
                (chosen, has_ignored) = (Some(j), true);
            }
        }
        match chosen {
            None => stat.missed += u32::from(f.ignored_label[g] == 0),
            Some(j) => {
                assigned[j] = true;
                if f.ignored_label[g] == 0 && f.ignored_detection[j] == 0 {
                    stat.tp += 1;
                    stat.scores.push(f.detections[j].score);
                    let delta = label.object.alpha - f.detections[j].object.alpha;
                    stat.similarity += f64::midpoint(1.0, delta.cos());
                }
            }
        }
    }
    if threshold.is_some() {
        let mut false_ones = 0_i64;
        for (j, d) in f.detections.iter().enumerate() {
            false_ones += i64::from(!assigned[j] && f.ignored_detection[j] == 0 && !below(d));
        }
        for area in &f.areas {
            for (j, d) in f.detections.iter().enumerate() {
                if !assigned[j]
                    && f.ignored_detection[j] == 0
                    && !below(d)
                    && overlap(kind, &d.object, area, true) > min
                {
                    assigned[j] = true;
                    false_ones -= 1;
                }
            }
        }
        stat.fp = u32::try_from(false_ones).unwrap();
    }
    stat
}

fn frames(truth: &GroundTruth, detections: &[Detection], class: &KittiClass, level: &Level) -> (Vec<Frame>, u32) {
    let mut positives = 0;
    let name = |o: &Object| truth.classes[o.class as usize].to_lowercase();
    let frames = (0..truth.frames)
        .map(|frame| {
            let labels: Vec<Label> = truth
                .labels
                .iter()
                .copied()
                .filter(|l| l.object.frame == frame)
                .collect();
            let detections: Vec<Detection> = detections.iter().copied().filter(|d| d.object.frame == frame).collect();
            let ignored_label = labels
                .iter()
                .map(|l| {
                    let height = l.object.bbox.y_max - l.object.bbox.y_min;
                    let ignore = l.occlusion > level.max_occlusion
                        || l.truncation > level.max_truncation
                        || height < level.min_height;
                    if name(&l.object) == class.name {
                        positives += u32::from(!ignore);
                        i32::from(ignore)
                    } else if class.neighbours.contains(&name(&l.object)) {
                        1
                    } else {
                        -1
                    }
                })
                .collect();
            let ignored_detection = detections
                .iter()
                .map(|d| {
                    let height = (d.object.bbox.y_min - d.object.bbox.y_max).abs() as i32;
                    if f64::from(height) < level.min_height {
                        1
                    } else {
                        i32::from(name(&d.object) == class.name) - 1
                    }
                })
                .collect();
            let areas = labels
                .iter()
                .map(|l| l.object)
                .filter(|o| name(o) == "dontcare")
                .collect();
            Frame {
                labels,
                detections,
                ignored_label,
                ignored_detection,
                areas,
            }
        })
        .collect();
    (frames, positives)
}

/// Precision and orientation similarity at the 41 samples.
pub(super) fn curves(
    truth: &GroundTruth,
    detections: &[Detection],
    class: &KittiClass,
    level: &Level,
    kind: usize,
) -> [Vec<f64>; 2] {
    let min = [
        class.min_overlap.image,
        class.min_overlap.ground,
        class.min_overlap.volume,
    ][kind];
    let (frames, positives) = frames(truth, detections, class, level);
    let mut scores: Vec<f64> = frames
        .iter()
        .flat_map(|f| statistics(f, kind, min, None).scores)
        .collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let (mut thresholds, mut current) = (Vec::new(), 0.0);
    for i in 0..scores.len() {
        let left = (i + 1) as f64 / f64::from(positives);
        let last = i + 1 == scores.len();
        let right = if last {
            left
        } else {
            (i + 2) as f64 / f64::from(positives)
        };
        if right - current < current - left && !last {
            continue;
        }
        thresholds.push(scores[i]);
        current += 1.0 / 40.0;
    }
    let mut out = [vec![0.0; 41], vec![0.0; 41]];
    for (t, threshold) in thresholds.iter().enumerate() {
        let mut sum = Statistics::default();
        for f in &frames {
            let one = statistics(f, kind, min, Some(*threshold));
            sum.tp += one.tp;
            sum.fp += one.fp;
            sum.similarity += one.similarity;
        }
        out[0][t] = f64::from(sum.tp) / f64::from(sum.tp + sum.fp);
        out[1][t] = sum.similarity / f64::from(sum.tp + sum.fp);
    }
    for curve in &mut out {
        for t in 0..thresholds.len() {
            // the standard library's search for the maximum, NaN and all
            let mut most = curve[t];
            for value in &curve[t..] {
                if most < *value {
                    most = *value;
                }
            }
            curve[t] = most;
        }
    }
    out
}

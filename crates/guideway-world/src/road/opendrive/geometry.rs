//! Reference lines and profiles: ASAM OpenDRIVE 1.7, chapters 7 (geometry), 8.4 (elevation) and 9.3 (lane offset).

use glam::DVec2;
use roxmltree::Node;

use super::xml::{ImportWarning, Source, child, children};
use crate::WorldError;

/// Longest road, m.
pub(super) const LONGEST: f64 = 100_000.0;

/// Most that one geometry may turn, rad.
const TURNS: f64 = 400.0;

/// A cubic in the distance from where it starts to count: a + b·d + c·d² + d·d³.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cubic {
    pub s: f64,
    pub k: [f64; 4],
}

impl Cubic {
    pub(super) fn read(source: &Source<'_>, node: Node<'_, '_>, start: &str) -> Result<Self, WorldError> {
        Ok(Self {
            s: source.number(node, start)?,
            k: [
                source.number_or(node, "a", 0.0)?,
                source.number_or(node, "b", 0.0)?,
                source.number_or(node, "c", 0.0)?,
                source.number_or(node, "d", 0.0)?,
            ],
        })
    }

    fn at(&self, s: f64) -> f64 {
        let d = s - self.s;
        let [a, b, c, e] = self.k;
        a + d * (b + d * (c + d * e))
    }
}

/// Cubics one after the other: each counts from its `s` to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Profile(pub Vec<Cubic>);

impl Profile {
    pub(super) fn read<'a, 'i: 'a>(
        source: &Source<'_>,
        nodes: impl Iterator<Item = Node<'a, 'i>>,
        start: &str,
    ) -> Result<Self, WorldError> {
        let mut cubics = nodes
            .map(|node| Cubic::read(source, node, start))
            .collect::<Result<Vec<_>, _>>()?;
        cubics.sort_by(|a, b| a.s.total_cmp(&b.s));
        Ok(Self(cubics))
    }

    /// The value at `s`; 0 without cubics. Before the first it is continued.
    pub(super) fn at(&self, s: f64) -> f64 {
        let i = self.0.partition_point(|c| c.s <= s + 1e-9).saturating_sub(1);
        self.0.get(i).map_or(0.0, |c| c.at(s))
    }
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Line,
    Arc(f64),
    Spiral(f64, f64),
    Poly3([f64; 4]),
    /// Coefficients of u and v, and the parameter's value at the end.
    ParamPoly3([f64; 4], [f64; 4], f64),
}

#[derive(Debug, Clone, Copy)]
struct Geometry {
    s: f64,
    origin: DVec2,
    heading: f64,
    length: f64,
    shape: Shape,
}

/// A road's reference line.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    parts: Vec<Geometry>,
    pub length: f64,
}

impl Reference {
    pub(super) fn read(
        source: &Source<'_>,
        road: Node<'_, '_>,
        warnings: &mut Vec<ImportWarning>,
    ) -> Result<Self, WorldError> {
        let plan = child(road, "planView").ok_or_else(|| source.error(road, "element `planView` is missing"))?;
        let mut parts = Vec::new();
        for node in children(plan, "geometry") {
            let length = source.number(node, "length")?;
            if !(0.0..=LONGEST).contains(&length) {
                return Err(source.error(
                    node,
                    format!("attribute `length` is `{length}`, allowed is 0 to {LONGEST} m"),
                ));
            }
            if length < 1e-6 {
                warnings.push(source.warning(node, format!("a geometry of {length} m, left out")));
                continue;
            }
            parts.push(Geometry {
                s: source.number(node, "s")?,
                origin: DVec2::new(source.number(node, "x")?, source.number(node, "y")?),
                heading: source.number(node, "hdg")?,
                length,
                shape: shape(source, node, length)?,
            });
        }
        parts.sort_by(|a, b| a.s.total_cmp(&b.s));
        let Some(last) = parts.last() else {
            return Err(source.error(plan, "no geometry of any length"));
        };
        let length = last.s + last.length;
        if !(length > 0.0 && length <= LONGEST) {
            return Err(source.error(road, format!("a road of {length} m, allowed is up to {LONGEST} m")));
        }
        for pair in parts.windows(2) {
            let gap = pair[0].at(pair[0].length).0.distance(pair[1].origin);
            if gap > 0.1 {
                warnings.push(source.warning(
                    plan,
                    format!("a gap of {gap:.2} m in the reference line at s = {}", pair[1].s),
                ));
            }
        }
        Ok(Self { parts, length })
    }

    /// Position and heading, rad, at this arc length.
    pub(super) fn at(&self, s: f64) -> (DVec2, f64) {
        let i = self.parts.partition_point(|g| g.s <= s).saturating_sub(1);
        let part = &self.parts[i];
        part.at((s - part.s).clamp(0.0, part.length))
    }

    /// Where its parts begin.
    pub(super) fn starts(&self) -> impl Iterator<Item = f64> {
        self.parts.iter().map(|g| g.s)
    }
}

fn shape(source: &Source<'_>, node: Node<'_, '_>, length: f64) -> Result<Shape, WorldError> {
    let known = ["line", "arc", "spiral", "poly3", "paramPoly3"];
    let Some(node) = node
        .children()
        .find(|c| c.is_element() && known.contains(&c.tag_name().name()))
    else {
        return Err(source.error(node, format!("no shape; allowed are {}", known.join(", "))));
    };
    let four = |names: [&str; 4]| -> Result<[f64; 4], WorldError> {
        let mut k = [0.0; 4];
        for (k, name) in k.iter_mut().zip(names) {
            *k = source.number(node, name)?;
        }
        Ok(k)
    };
    let curvature = |name: &str| -> Result<f64, WorldError> {
        let k = source.number(node, name)?;
        let most = 10.0_f64.min(TURNS / length);
        if k.abs() <= most {
            Ok(k)
        } else {
            let allowed = format!("allowed over {length} m is −{most} to {most} 1/m");
            Err(source.error(node, format!("attribute `{name}` is `{k}`, {allowed}")))
        }
    };
    Ok(match node.tag_name().name() {
        "line" => Shape::Line,
        "arc" => Shape::Arc(curvature("curvature")?),
        "spiral" => Shape::Spiral(curvature("curvStart")?, curvature("curvEnd")?),
        "poly3" => Shape::Poly3(four(["a", "b", "c", "d"])?),
        _ => {
            let end = match node.attribute("pRange") {
                None | Some("normalized") => 1.0,
                Some("arcLength") => length,
                Some(other) => {
                    return Err(source.error(
                        node,
                        format!("attribute `pRange` is `{other}`, allowed are `arcLength` and `normalized`"),
                    ));
                }
            };
            Shape::ParamPoly3(four(["aU", "bU", "cU", "dU"])?, four(["aV", "bV", "cV", "dV"])?, end)
        }
    })
}

impl Geometry {
    /// Position and heading this far from its start.
    fn at(&self, d: f64) -> (DVec2, f64) {
        let (local, turn) = match self.shape {
            Shape::Line => (DVec2::new(d, 0.0), 0.0),
            Shape::Arc(k) if k.abs() < 1e-9 => (DVec2::new(d, 0.0), 0.0),
            Shape::Arc(k) => {
                let (sin, cos) = (k * d).sin_cos();
                (DVec2::new(sin / k, (1.0 - cos) / k), k * d)
            }
            Shape::Spiral(from, to) => spiral(from, (to - from) / self.length, d),
            Shape::Poly3(k) => {
                // Its parameter is u; the arc length d is a little longer.
                let u = along(d, self.length, |u| 1.0_f64.hypot(slope(k, u)));
                (DVec2::new(u, value(k, u)), slope(k, u).atan2(1.0))
            }
            Shape::ParamPoly3(ku, kv, end) => {
                let p = end * d / self.length;
                (DVec2::new(value(ku, p), value(kv, p)), slope(kv, p).atan2(slope(ku, p)))
            }
        };
        let rotation = DVec2::from_angle(self.heading);
        (self.origin + rotation.rotate(local), self.heading + turn)
    }
}

fn value([a, b, c, d]: [f64; 4], p: f64) -> f64 {
    a + p * (b + p * (c + p * d))
}

fn slope([_, b, c, d]: [f64; 4], p: f64) -> f64 {
    b + p * (2.0 * c + p * 3.0 * d)
}

/// The parameter at which the integral of `speed` reaches `d`.
fn along(d: f64, length: f64, speed: impl Fn(f64) -> f64) -> f64 {
    let steps = (length / 0.5).ceil().clamp(8.0, 4000.0);
    let h = length / steps;
    let (mut u, mut s) = (0.0, 0.0);
    while s < d && u < length {
        let step = h * (speed(u) + 4.0 * speed(u + h / 2.0) + speed(u + h)) / 6.0;
        if s + step >= d {
            return u + h * (d - s) / step.max(1e-12);
        }
        s += step;
        u += h;
    }
    u
}

/// A clothoid: curvature `k + rate · s`. The heading is exact, the position integrated by Gauss's rule of five nodes over pieces
/// that turn by less than half a radian.
fn spiral(k: f64, rate: f64, d: f64) -> (DVec2, f64) {
    const NODES: [(f64, f64); 5] = [
        (-0.906_179_845_938_664, 0.236_926_885_056_189_1),
        (-0.538_469_310_105_683, 0.478_628_670_499_366_5),
        (0.0, 0.568_888_888_888_888_9),
        (0.538_469_310_105_683, 0.478_628_670_499_366_5),
        (0.906_179_845_938_664, 0.236_926_885_056_189_1),
    ];
    let heading = |s: f64| s * (k + 0.5 * rate * s);
    let turn = d * (k.abs() + 0.5 * rate.abs() * d);
    let pieces = (turn / 0.5).ceil().clamp(1.0, 2000.0);
    let h = d / pieces;
    let mut p = DVec2::ZERO;
    for i in 0..pieces as usize {
        let middle = (i as f64 + 0.5) * h;
        for (x, w) in NODES {
            p += DVec2::from_angle(heading(middle + x * h / 2.0)) * (w * h / 2.0);
        }
    }
    (p, heading(d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clothoid_ends_where_fresnel_says() {
        // Curvature 0 to √π over √π: x + iy = ∫ exp(iπt²/2)-like integrals; C(1) and S(1) to ten digits.
        let a = std::f64::consts::PI.sqrt();
        let (p, heading) = spiral(0.0, 1.0, a);
        assert!((heading - a * a / 2.0).abs() < 1e-12);
        let (c, s) = (0.779_893_400_376_823, 0.438_259_147_390_354_8);
        assert!((p.x - a * c).abs() < 1e-8 && (p.y - a * s).abs() < 1e-8, "{p}");
    }

    #[test]
    fn a_spiral_of_constant_curvature_is_an_arc() {
        let geometry = |shape| Geometry {
            s: 0.0,
            origin: DVec2::new(3.0, -2.0),
            heading: 0.7,
            length: 40.0,
            shape,
        };
        let (p, a) = geometry(Shape::Arc(0.02)).at(33.0);
        let (q, b) = geometry(Shape::Spiral(0.02, 0.02)).at(33.0);
        assert!(p.distance(q) < 1e-9 && (a - b).abs() < 1e-12);
    }

    #[test]
    fn a_cubic_is_walked_by_arc_length() {
        let k = [0.0, 1.0, 0.0, 0.0];
        let geometry = Geometry {
            s: 0.0,
            origin: DVec2::ZERO,
            heading: 0.0,
            length: 10.0,
            shape: Shape::Poly3(k),
        };
        let (p, heading) = geometry.at(5.0);
        let half = 5.0 / 2.0_f64.sqrt();
        assert!(p.distance(DVec2::splat(half)) < 1e-9 && (heading - std::f64::consts::FRAC_PI_4).abs() < 1e-12);
    }
}

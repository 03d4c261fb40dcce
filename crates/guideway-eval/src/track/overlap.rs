//! The generalised IoU of cuboids.

use guideway_core::Cuboid;

/// Generalised IoU of two upright cuboids (Rezatofighi et al., "Generalized intersection over union", 2019; in 3D as in AB3DMOT): the IoU less
/// the part of the space around both that neither fills. That space is the convex hull seen from above times the heights of both. −1 to 1.
pub(super) fn giou_3d(a: &Cuboid, b: &Cuboid) -> f64 {
    let (low_a, high_a) = (a.center.z - 0.5 * a.height, a.center.z + 0.5 * a.height);
    let (low_b, high_b) = (b.center.z - 0.5 * b.height, b.center.z + 0.5 * b.height);
    let tall = (high_a.min(high_b) - low_a.max(low_b)).max(0.0);
    // Relative to one of them: far from the origin the differences keep their digits.
    let [mut near_a, mut near_b] = [a.bev(), b.bev()];
    near_b.center = [near_b.center[0] - near_a.center[0], near_b.center[1] - near_a.center[1]];
    near_a.center = [0.0, 0.0];
    let both = near_a.intersection_area(&near_b) * tall;
    let union = a.volume() + b.volume() - both;
    let mut points = [near_a.corners(), near_b.corners()].concat();
    let around = hull_area(&mut points) * (high_a.max(high_b) - low_a.min(low_b));
    if union > 0.0 && around > 0.0 {
        both / union - ((around - union) / around).max(0.0)
    } else {
        -1.0
    }
}

/// Area of the convex hull, by Andrew's monotone chain.
fn hull_area(points: &mut [[f64; 2]]) -> f64 {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let half = |points: &mut dyn Iterator<Item = [f64; 2]>| {
        let mut chain: Vec<[f64; 2]> = Vec::with_capacity(8);
        for p in points {
            while let [.., a, b] = chain[..]
                && cross(a, b, p) <= 0.0
            {
                chain.pop();
            }
            chain.push(p);
        }
        chain
    };
    let mut hull = half(&mut points.iter().copied());
    let upper = half(&mut points.iter().rev().copied());
    hull.pop();
    hull.extend(upper);
    let Some(first) = hull.first().copied() else {
        return 0.0;
    };
    0.5 * hull.windows(2).map(|pair| cross(first, pair[0], pair[1])).sum::<f64>()
}

fn cross(o: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use guideway_core::{DVec3, Se3};

    use super::*;

    fn cube(x: f64, y: f64, yaw: f64) -> Cuboid {
        Cuboid::new(Se3::from_yaw(yaw, DVec3::new(x, y, 0.0)).unwrap(), [1.0, 1.0, 1.0]).unwrap()
    }

    #[test]
    fn known_values() {
        let a = cube(0.0, 0.0, 0.0);
        for (b, expected) in [
            (a, 1.0),
            // half overlap: IoU 1/3, the hull is the union
            (cube(0.5, 0.0, 0.0), 1.0 / 3.0),
            // a cube's width between them: hull 3, union 2
            (cube(2.0, 0.0, 0.0), -1.0 / 3.0),
            // diagonal neighbours: the hull is a hexagon of area 3
            (cube(1.0, 1.0, 0.0), -1.0 / 3.0),
        ] {
            let got = giou_3d(&a, &b);
            assert!((got - expected).abs() < 1e-12, "{got} {expected}");
            assert!((giou_3d(&b, &a) - expected).abs() < 1e-12);
        }
        // an octagon in both: all of the hull's gaps are triangles
        let turned = giou_3d(&a, &cube(0.0, 0.0, std::f64::consts::FRAC_PI_4));
        let both = 2.0 * (2.0_f64.sqrt() - 1.0);
        let hull = 2.0_f64.sqrt();
        let union = 2.0 - both;
        assert!((turned - (both / union - (hull - union) / hull)).abs() < 1e-12);
    }
}

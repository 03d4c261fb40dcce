//! Walls and other solid things: polygons in GeoJSON (RFC 7946, but in metres), and whether something is inside of one.
//!
//! Something is in a solid when its centre is and, of the corners of its footprint shrunk to half, three or all. What touches a facade has most of its footprint outside
//! (labels and poses are off by decimetres, and maps draw eaves), and what is half inside is a matter of the map's or the label's edge; both stay away from this. Nothing of less
//! than [`REACH_M`] about its centre counts, so that somebody in a doorway is not in the house.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::Cuboid;
use serde_json::Value;

use crate::error::AssertError;

/// Corners are looked at no nearer to the centre than this, along and across, m.
const REACH_M: f64 = 0.3;
/// Side of a cell of the grid, m.
const CELL_M: f64 = 32.0;
/// A polygon over more cells than this is looked at wherever anything is: a file may hold a whole country's coast.
const MOST_CELLS: f64 = 256.0;
/// Coordinates beyond this are no places on Earth, m.
const FARTHEST_M: f64 = 1e8;
/// In degrees a block of houses is a few thousandths wide.
const DEGREES_WIDE: f64 = 0.05;

/// The walls of a file, by recording.
///
/// ```
/// use guideway_assert::{Cuboid, DVec3, Se3, Solids};
///
/// let house = br#"{"type": "Polygon", "coordinates": [[[0, 0], [20, 0], [20, 12], [0, 12], [0, 0]]]}"#;
/// let (solids, left_out) = Solids::from_geojson(house)?;
/// let walls = solids.of("0123", "drive.mcap").ok_or("no walls")?;
/// let car = |x| Cuboid::new(Se3::from_yaw(0.0, DVec3::new(x, 6.0, 0.8))?, [4.4, 1.8, 1.5]);
/// assert!(walls.hold(&car(10.0)?) && !walls.hold(&car(-2.0)?));
/// assert_eq!(left_out.count, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Solids {
    /// Those of every recording.
    common: Grid,
    /// Those of one recording, by its name or id.
    own: BTreeMap<String, Grid>,
}

/// The walls of one recording.
#[derive(Debug)]
pub struct Walls<'a>(Vec<&'a Grid>);

/// Geometries that have no inside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoInside {
    /// How many.
    pub count: u64,
    /// Their types.
    pub kinds: BTreeSet<String>,
}

/// A polygon: rings that end where they begin. What an odd number of them surround is inside.
#[derive(Debug)]
struct Shape {
    rings: Vec<Vec<[f64; 2]>>,
    low: [f64; 2],
    high: [f64; 2],
}

#[derive(Debug, Default)]
struct Grid {
    shapes: Vec<Shape>,
    /// Numbers of shapes whose bounds touch a cell.
    cells: BTreeMap<[i64; 2], Vec<usize>>,
    /// Numbers of those that touch too many.
    wide: Vec<usize>,
}

impl Solids {
    /// Reads a FeatureCollection, a Feature or a geometry, in metres in the world frame; what has no inside is left out and counted. A feature with the property
    /// `recording` is limited to the recording of that name or id.
    ///
    /// # Errors
    /// [`AssertError::Solids`] for what is no such thing, holds no polygon, or seems to be in degrees.
    pub fn from_geojson(bytes: &[u8]) -> Result<(Self, NoInside), AssertError> {
        let mut parsed = Parsed::default();
        let done = parse(bytes, &mut parsed);
        done.map_err(|Wrong { message, hint }| AssertError::Solids { message, hint })?;
        let mut solids = Self {
            common: Grid::default(),
            own: BTreeMap::new(),
        };
        for (recording, shape) in parsed.shapes {
            match recording {
                None => solids.common.add(shape),
                Some(name) => solids.own.entry(name).or_default().add(shape),
            }
        }
        Ok((solids, parsed.others))
    }

    /// The walls of a recording; nothing where the file says nothing of it.
    pub fn of(&self, recording_id: &str, name: &str) -> Option<Walls<'_>> {
        let mut grids: Vec<&Grid> = Vec::new();
        grids.extend((!self.common.shapes.is_empty()).then_some(&self.common));
        grids.extend(self.own.get(recording_id));
        if name != recording_id {
            grids.extend(self.own.get(name));
        }
        (!grids.is_empty()).then_some(Walls(grids))
    }
}

impl Walls<'_> {
    /// Is most of something, in the world, inside?
    pub fn hold(&self, cuboid: &Cuboid) -> bool {
        let (sin, cos) = cuboid.yaw().sin_cos();
        let (ahead, aside) = ((cuboid.length / 4.0).max(REACH_M), (cuboid.width / 4.0).max(REACH_M));
        let at =
            |x: f64, y: f64| self.contain([cuboid.center.x + x * cos - y * sin, cuboid.center.y + x * sin + y * cos]);
        let corners = [(ahead, aside), (ahead, -aside), (-ahead, aside), (-ahead, -aside)];
        at(0.0, 0.0) && corners.into_iter().filter(|(x, y)| at(*x, *y)).count() >= 3
    }

    fn contain(&self, place: [f64; 2]) -> bool {
        self.0.iter().any(|grid| grid.contains(place))
    }
}

fn cell(place: [f64; 2]) -> [i64; 2] {
    place.map(|v| (v / CELL_M).floor() as i64)
}

impl Grid {
    fn add(&mut self, shape: Shape) {
        let number = self.shapes.len();
        let (from, to) = (cell(shape.low), cell(shape.high));
        let count = (to[0] - from[0] + 1) as f64 * (to[1] - from[1] + 1) as f64;
        if count > MOST_CELLS {
            self.wide.push(number);
        } else {
            for x in from[0]..=to[0] {
                for y in from[1]..=to[1] {
                    self.cells.entry([x, y]).or_default().push(number);
                }
            }
        }
        self.shapes.push(shape);
    }

    fn contains(&self, place: [f64; 2]) -> bool {
        let near = self.cells.get(&cell(place)).into_iter().flatten();
        near.chain(&self.wide)
            .filter_map(|number| self.shapes.get(*number))
            .any(|shape| shape.contains(place))
    }
}

impl Shape {
    fn contains(&self, [x, y]: [f64; 2]) -> bool {
        if x < self.low[0] || y < self.low[1] || x > self.high[0] || y > self.high[1] {
            return false;
        }
        let mut inside = false;
        for ring in &self.rings {
            for pair in ring.windows(2) {
                let ([ax, ay], [bx, by]) = (pair[0], pair[1]);
                if (ay > y) != (by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax) {
                    inside = !inside;
                }
            }
        }
        inside
    }
}

/// What is wrong with a file.
struct Wrong {
    message: String,
    hint: &'static str,
}

const FORM: &str = "give a GeoJSON FeatureCollection of Polygons or MultiPolygons, in metres in the world frame of the recordings' poses";
const METRES: &str = "project the polygons to the world frame of the recordings' poses, in metres; `guideway query \"SELECT x, y FROM signals WHERE kind = 'pose'\"` shows where that is";
const RECORDING: &str = "it limits a feature to one recording: a name or id of `guideway query \"SELECT recording_id, name FROM recordings\"`";

#[derive(Default)]
struct Parsed {
    /// With the recording that each is limited to.
    shapes: Vec<(Option<String>, Shape)>,
    others: NoInside,
}

impl NoInside {
    fn add(&mut self, kind: &str) {
        self.count += 1;
        self.kinds.insert(kind.to_owned());
    }
}

fn wrong(message: impl Into<String>) -> Wrong {
    Wrong {
        message: message.into(),
        hint: FORM,
    }
}

fn parse(bytes: &[u8], out: &mut Parsed) -> Result<(), Wrong> {
    let whole: Value = serde_json::from_slice(bytes).map_err(|err| wrong(format!("not JSON: {err}")))?;
    metric(&whole)?;
    match whole["type"].as_str() {
        Some("FeatureCollection") => {
            let features = whole["features"]
                .as_array()
                .ok_or_else(|| wrong("a FeatureCollection without `features`"))?;
            for (at, one) in features.iter().enumerate() {
                feature(one, out).map_err(|err| Wrong {
                    message: format!("feature {}: {}", at + 1, err.message),
                    ..err
                })?;
            }
        }
        Some("Feature") => feature(&whole, out)?,
        Some(_) => geometry(&whole, None, out)?,
        None => return Err(wrong("not GeoJSON: there is no `type`")),
    }
    if out.shapes.is_empty() {
        return Err(wrong(if out.others.count > 0 {
            let kinds: Vec<&str> = out.others.kinds.iter().map(String::as_str).collect();
            format!("there is no polygon in it, only {}", kinds.join(", "))
        } else {
            "there is no polygon in it".to_owned()
        }));
    }
    let on_a_globe = |shape: &Shape| {
        let corners = [shape.low, shape.high];
        corners.iter().all(|p| p[0].abs() <= 180.0 && p[1].abs() <= 90.0)
            && (0..2).all(|axis| shape.high[axis] - shape.low[axis] < DEGREES_WIDE)
    };
    if out.shapes.iter().all(|(_, shape)| on_a_globe(shape)) {
        return Err(Wrong {
            message: format!(
                "these are longitudes and latitudes, it seems: every polygon is less than {DEGREES_WIDE} wide and high"
            ),
            hint: METRES,
        });
    }
    Ok(())
}

/// A coordinate system that is named, as files older than RFC 7946 do, must be one in metres.
fn metric(whole: &Value) -> Result<(), Wrong> {
    let Some(name) = whole["crs"]["properties"]["name"].as_str() else {
        return Ok(());
    };
    let upper = name.to_uppercase();
    // WGS 84, NAD 83, ETRS 89 and JGD 2011.
    let geographic = ["CRS84", "CRS83", "4326", "4269", "4258", "6668"];
    if geographic.iter().any(|end| upper.ends_with(end)) {
        return Err(Wrong {
            message: format!("its `crs` {name} is in degrees"),
            hint: METRES,
        });
    }
    Ok(())
}

fn feature(feature: &Value, out: &mut Parsed) -> Result<(), Wrong> {
    if feature["type"] != "Feature" {
        return Err(wrong(format!(
            "a Feature was expected, and its `type` is {}",
            feature["type"]
        )));
    }
    let recording = match &feature["properties"]["recording"] {
        Value::Null => None,
        Value::String(name) if !name.is_empty() => Some(name.as_str()),
        other => {
            return Err(Wrong {
                message: format!("`recording` is {other}, which is no name"),
                hint: RECORDING,
            });
        }
    };
    match &feature["geometry"] {
        Value::Null => {
            out.others.add("null");
            Ok(())
        }
        shape => geometry(shape, recording, out),
    }
}

fn geometry(geometry: &Value, recording: Option<&str>, out: &mut Parsed) -> Result<(), Wrong> {
    let coordinates = &geometry["coordinates"];
    let mut add = |rings: &Value| -> Result<(), Wrong> {
        let shape = polygon(rings)?;
        out.shapes.push((recording.map(str::to_owned), shape));
        Ok(())
    };
    match geometry["type"].as_str() {
        Some("Polygon") => add(coordinates),
        Some("MultiPolygon") => {
            let parts = coordinates
                .as_array()
                .ok_or_else(|| wrong("a MultiPolygon without `coordinates`"))?;
            for (at, part) in parts.iter().enumerate() {
                add(part).map_err(|err| Wrong {
                    message: format!("polygon {}: {}", at + 1, err.message),
                    ..err
                })?;
            }
            Ok(())
        }
        Some("GeometryCollection") => {
            let parts = geometry["geometries"]
                .as_array()
                .ok_or_else(|| wrong("a GeometryCollection without `geometries`"))?;
            parts.iter().try_for_each(|part| self::geometry(part, recording, out))
        }
        Some(kind @ ("Point" | "MultiPoint" | "LineString" | "MultiLineString")) => {
            out.others.add(kind);
            Ok(())
        }
        _ => Err(wrong(format!("there is no geometry of the type {}", geometry["type"]))),
    }
}

fn polygon(rings: &Value) -> Result<Shape, Wrong> {
    let rings = rings
        .as_array()
        .filter(|rings| !rings.is_empty())
        .ok_or_else(|| wrong("a polygon without rings"))?;
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    let mut all = Vec::with_capacity(rings.len());
    for (at, ring) in rings.iter().enumerate() {
        let ring_number = at + 1;
        let positions = ring.as_array().map_or(&[][..], Vec::as_slice);
        let mut points: Vec<[f64; 2]> = Vec::with_capacity(positions.len() + 1);
        for (nth, position) in positions.iter().enumerate() {
            let place = [&position[0], &position[1]].map(Value::as_f64);
            let [Some(x), Some(y)] = place else {
                return Err(wrong(format!(
                    "ring {ring_number}, position {}: {position} is not a place, which has two numbers",
                    nth + 1
                )));
            };
            if x.abs().max(y.abs()) > FARTHEST_M {
                return Err(Wrong {
                    message: format!(
                        "ring {ring_number}, position {}: {position} is nowhere on Earth, in metres",
                        nth + 1
                    ),
                    hint: METRES,
                });
            }
            for (axis, v) in [x, y].into_iter().enumerate() {
                low[axis] = low[axis].min(v);
                high[axis] = high[axis].max(v);
            }
            points.push([x, y]);
        }
        // Some writers leave out the last position, which is the first.
        if points.first() != points.last() {
            points.extend(points.first().copied());
        }
        if points.len() < 4 {
            return Err(wrong(format!(
                "ring {ring_number} has {} positions: with fewer than four, of which the last is the first, it surrounds nothing",
                positions.len()
            )));
        }
        all.push(points);
    }
    Ok(Shape { rings: all, low, high })
}

#[cfg(test)]
mod tests {
    use guideway_core::{DVec3, Se3};
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Solids, AssertError> {
        Solids::from_geojson(text.as_bytes()).map(|(solids, _)| solids)
    }

    fn square(x: f64, y: f64, side: f64) -> Value {
        json!([[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]])
    }

    fn car(x: f64, y: f64, yaw: f64) -> Cuboid {
        Cuboid::new(Se3::from_yaw(yaw, DVec3::new(x, y, 0.8)).unwrap(), [4.4, 1.8, 1.5]).unwrap()
    }

    #[test]
    fn what_touches_a_facade_is_outside_and_what_is_most_of_it_inside_is_in() {
        // A block of houses with a yard, and its neighbour wall to wall.
        let walls = json!({
            "type": "FeatureCollection",
            "features": [
                { "type": "Feature", "properties": { "name": "block" },
                  "geometry": { "type": "Polygon", "coordinates": [square(0.0, 0.0, 40.0), square(12.0, 12.0, 16.0)] } },
                { "type": "Feature", "properties": null,
                  "geometry": { "type": "MultiPolygon", "coordinates": [[square(40.0, 0.0, 20.0)], [square(500.0, 0.0, 10.0)]] } },
            ],
        });
        let solids = read(&walls.to_string()).unwrap();
        let walls = solids.of("id", "name").unwrap();
        // Along the facade, with up to 0.8 m of it in the wall; across it, with less than half.
        for (y, inside) in [(-0.9, false), (-0.1, false), (0.3, false), (0.5, true), (5.0, true)] {
            assert_eq!(walls.hold(&car(20.0, y, 0.0)), inside, "{y}");
        }
        assert!(!walls.hold(&car(20.0, 0.5, std::f64::consts::FRAC_PI_2)));
        assert!(walls.hold(&car(20.0, 1.5, std::f64::consts::FRAC_PI_2)));
        assert!(!walls.hold(&car(20.0, 20.0, 0.3)), "in the yard");
        assert!(walls.hold(&car(40.0, 5.0, 0.7)), "in two houses");
        assert!(walls.hold(&car(505.0, 5.0, 0.7)));
        let person =
            |y: f64| Cuboid::new(Se3::from_yaw(0.0, DVec3::new(5.0, y, 0.9)).unwrap(), [0.5, 0.6, 1.8]).unwrap();
        assert!(!walls.hold(&person(0.25)), "in a doorway");
        assert!(walls.hold(&person(1.0)));
    }

    #[test]
    fn a_feature_may_be_of_one_recording() {
        let feature = |recording: &str, x: f64| json!({ "type": "Feature", "properties": { "recording": recording }, "geometry": { "type": "Polygon", "coordinates": [square(x, 0.0, 10.0)] } });
        let all =
            json!({ "type": "FeatureCollection", "features": [feature("drive.mcap", 0.0), feature("0123", 50.0)] });
        let solids = read(&all.to_string()).unwrap();
        let held = |id: &str, name: &str, x: f64| solids.of(id, name).map(|walls| walls.hold(&car(x, 5.0, 0.0)));
        assert_eq!(held("9", "drive.mcap", 5.0), Some(true));
        assert_eq!(held("9", "drive.mcap", 55.0), Some(false));
        assert_eq!(held("0123", "drive.mcap", 55.0), Some(true));
        assert_eq!(held("0123", "other", 5.0), Some(false));
        assert_eq!(held("9", "other", 5.0), None);
    }

    #[test]
    fn what_is_wrong_says_where_and_what_to_do() {
        let one = |coordinates: Value| {
            json!({ "type": "FeatureCollection", "features": [{ "type": "Feature", "geometry": null }, { "type": "Feature", "geometry": { "type": "Polygon", "coordinates": coordinates } }] }).to_string()
        };
        let named = json!({ "type": "FeatureCollection", "crs": { "properties": { "name": "urn:ogc:def:crs:OGC:1.3:CRS84" } }, "features": [] });
        let line = json!({ "type": "Feature", "geometry": { "type": "LineString", "coordinates": [[0, 0], [1, 1]] } });
        let told = json!({ "type": "Feature", "properties": { "recording": 7 }, "geometry": null });
        for (text, message) in [
            (
                "{\"type\": NaN}".to_owned(),
                "not JSON: expected value at line 1 column 10",
            ),
            ("{}".to_owned(), "not GeoJSON: there is no `type`"),
            (
                "{\"type\": \"Circle\"}".to_owned(),
                "there is no geometry of the type \"Circle\"",
            ),
            (
                named.to_string(),
                "its `crs` urn:ogc:def:crs:OGC:1.3:CRS84 is in degrees",
            ),
            (line.to_string(), "there is no polygon in it, only LineString"),
            (told.to_string(), "`recording` is 7, which is no name"),
            (one(json!([])), "feature 2: a polygon without rings"),
            (
                one(json!([[[0, 0], [1, 0], [0, 0]]])),
                "feature 2: ring 1 has 3 positions",
            ),
            (
                one(json!([square(0.0, 0.0, 9.0), [[0, 0], [5, null], [5, 5]]])),
                "feature 2: ring 2, position 2: [5,null] is not a place",
            ),
            (one(json!([square(1e9, 0.0, 9.0)])), "is nowhere on Earth, in metres"),
            (
                one(json!([square(13.40, 52.5, 0.001)])),
                "these are longitudes and latitudes",
            ),
        ] {
            let err = read(&text).unwrap_err().to_string();
            assert!(err.contains(message), "{err}");
        }
    }

    #[test]
    fn a_hundred_thousand_houses_are_looked_through_by_the_cell() {
        let mut grid = Grid::default();
        for i in 0..100_000_u32 {
            let (x, y) = (f64::from(i % 400) * 25.0, f64::from(i / 400) * 25.0);
            let ring = [[0.0, 0.0], [12.0, 0.0], [12.0, 12.0], [0.0, 12.0], [0.0, 0.0]].map(|[a, b]| [x + a, y + b]);
            grid.add(Shape {
                rings: vec![ring.to_vec()],
                low: [x, y],
                high: [x + 12.0, y + 12.0],
            });
        }
        // A coast around all of it, and a lake that is none of its cells' business.
        assert!(grid.cells.values().all(|cell| cell.len() <= 9));
        let huge = [[-1e7, -1e7], [-1e7, 1e7], [-9e6, 1e7], [-9e6, -1e7], [-1e7, -1e7]];
        grid.add(Shape {
            rings: vec![huge.to_vec()],
            low: [-1e7, -1e7],
            high: [-9e6, 1e7],
        });
        assert_eq!(grid.wide, [100_000]);
        assert!(grid.contains([-9.5e6, 0.0]) && grid.contains([30.0, 30.0]) && !grid.contains([20.0, 20.0]));
    }
}

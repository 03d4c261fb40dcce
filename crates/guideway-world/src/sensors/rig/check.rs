//! What makes a rig impossible.

use std::collections::BTreeSet;

use guideway_core::hint::closest;
use serde_json::Value;

use super::{CameraSpec, LensModel, LidarSpec, Rig};
use crate::WorldError;

/// Says that a rig's parameter is wrong.
struct Complaint<'a> {
    origin: &'a str,
    sensor: &'a str,
}

impl Complaint<'_> {
    fn about(&self, parameter: &str, value: impl std::fmt::Display, problem: impl Into<String>) -> WorldError {
        WorldError::Rig {
            origin: self.origin.to_owned(),
            sensor: self.sensor.to_owned(),
            parameter: parameter.to_owned(),
            value: value.to_string(),
            problem: problem.into(),
        }
    }
}

/// A file that is no rig: the parser's own message, which shows the line.
pub(super) fn syntax(err: &toml::de::Error, origin: &str) -> WorldError {
    WorldError::Syntax {
        origin: origin.to_owned(),
        problem: format!("not a rig file: {}", err.to_string().trim_end()),
        hint: WorldError::RIG_HINT,
    }
}

/// Refuses unknown lens models before the parser does, which cannot name the sensor.
pub(super) fn models(text: &str, origin: &str) -> Result<(), WorldError> {
    let Ok(table) = text.parse::<toml::Table>() else {
        // The parser says where.
        return Ok(());
    };
    let cameras = table.get("camera").and_then(toml::Value::as_array);
    for (index, camera) in cameras.into_iter().flatten().enumerate() {
        let Some(model) = camera.get("model").and_then(toml::Value::as_str) else {
            continue;
        };
        if LensModel::NAMES.contains(&model) {
            continue;
        }
        let known = LensModel::NAMES.join(", ");
        let guess = closest(model, LensModel::NAMES).map_or(String::new(), |name| format!(" (did you mean {name}?)"));
        let name = camera.get("name").and_then(toml::Value::as_str);
        let sensor = name.map_or_else(|| format!("camera[{index}]"), str::to_owned);
        return Err(Complaint {
            origin,
            sensor: &sensor,
        }
        .about("model", model, format!("known models are {known}{guess}")));
    }
    Ok(())
}

/// Checks every number against the range that the schema states.
pub(super) fn ranges(rig: &Rig, origin: &str) -> Result<(), WorldError> {
    let schema = Rig::json_schema();
    let value = serde_json::to_value(rig).map_err(|err| WorldError::Syntax {
        origin: origin.to_owned(),
        problem: err.to_string(),
        hint: WorldError::OUR_FAULT,
    })?;
    let Some(kinds) = value.as_object() else {
        return Ok(());
    };
    for (kind, sensors) in kinds {
        let item = &schema["properties"][kind]["items"];
        let properties = &resolve(&schema, item)["properties"];
        for (index, sensor) in sensors.as_array().into_iter().flatten().enumerate() {
            let name = sensor["name"].as_str().filter(|name| !name.is_empty());
            let sensor_name = name.map_or_else(|| format!("{kind}[{index}]"), str::to_owned);
            let complaint = Complaint {
                origin,
                sensor: &sensor_name,
            };
            for (parameter, value) in sensor.as_object().into_iter().flatten() {
                let property = resolve(&schema, &properties[parameter]);
                let complain = |path: &str, value: &str, allowed: String| complaint.about(path, value, allowed);
                match value {
                    Value::Array(values) => {
                        for (i, value) in values.iter().enumerate() {
                            range(&format!("{parameter}[{i}]"), value, &property["items"], &complain)?;
                        }
                    }
                    _ => range(parameter, value, property, &complain)?,
                }
            }
        }
    }
    Ok(())
}

/// What a schema's `$ref` stands for.
fn resolve<'a>(schema: &'a Value, item: &'a Value) -> &'a Value {
    item["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix("#/$defs/"))
        .map_or(item, |name| &schema["$defs"][name])
}

fn range(
    path: &str,
    value: &Value,
    property: &Value,
    complain: &dyn Fn(&str, &str, String) -> WorldError,
) -> Result<(), WorldError> {
    let (low, high) = (property["minimum"].as_f64(), property["maximum"].as_f64());
    let (Some(low), Some(high)) = (low, high) else {
        return Ok(());
    };
    // JSON has no NaN and no infinity; both become null.
    let Some(number) = value.as_f64() else {
        return Err(complain(
            path,
            "not a finite number",
            format!("allowed is {low} to {high}"),
        ));
    };
    if (low..=high).contains(&number) {
        Ok(())
    } else {
        Err(complain(
            path,
            &number.to_string(),
            format!("allowed is {low} to {high}"),
        ))
    }
}

/// Checks what a schema cannot say.
pub(super) fn contradictions(rig: &Rig, origin: &str) -> Result<(), WorldError> {
    let mut names = BTreeSet::new();
    for (sensor, common) in rig.sensors() {
        let complaint = Complaint {
            origin,
            sensor: common.name,
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if common.name.is_empty() || !common.name.chars().all(legal) {
            return Err(Complaint {
                origin,
                sensor: &sensor.to_string(),
            }
            .about(
                "name",
                format!("{:?}", common.name),
                "a sensor needs a name of letters, digits, `_` and `-`",
            ));
        }
        if !names.insert(common.name) {
            return Err(complaint.about("name", common.name, "another sensor has this name"));
        }
    }
    for camera in &rig.cameras {
        check_camera(
            camera,
            &Complaint {
                origin,
                sensor: &camera.name,
            },
        )?;
    }
    for lidar in &rig.lidars {
        check_lidar(
            lidar,
            &Complaint {
                origin,
                sensor: &lidar.name,
            },
        )?;
    }
    for radar in &rig.radars {
        let complaint = Complaint {
            origin,
            sensor: &radar.name,
        };
        below(
            &complaint,
            "range_min_m",
            radar.range_min_m,
            "range_max_m",
            radar.range_max_m,
        )?;
    }
    Ok(())
}

fn below(complaint: &Complaint<'_>, low: &str, a: f64, high: &str, b: f64) -> Result<(), WorldError> {
    if a < b {
        Ok(())
    } else {
        Err(complaint.about(low, a, format!("it must be below `{high}`, which is {b}")))
    }
}

fn check_camera(camera: &CameraSpec, complaint: &Complaint<'_>) -> Result<(), WorldError> {
    let period = 1.0 / camera.rate_hz;
    if camera.exposure_s > period {
        return Err(complaint.about(
            "exposure_s",
            camera.exposure_s,
            format!("at {} Hz a frame lasts only {period} s", camera.rate_hz),
        ));
    }
    if camera.rolling_shutter_s + camera.exposure_s > period {
        return Err(complaint.about(
            "rolling_shutter_s",
            camera.rolling_shutter_s,
            format!(
                "with `exposure_s` {} it is longer than a frame at {} Hz, {period} s",
                camera.exposure_s, camera.rate_hz
            ),
        ));
    }
    if camera.samples == 3 {
        return Err(complaint.about("samples", 3, "allowed are 1, 2 and 4"));
    }
    if let (Some(fov), Some(focal)) = (camera.horizontal_fov_deg, camera.fx.or(camera.fy)) {
        let problem = format!("the focal length is given too ({focal} px); leave one of them out");
        return Err(complaint.about("horizontal_fov_deg", fov, problem));
    }
    if let (None, Some(fy)) = (camera.fx, camera.fy) {
        return Err(complaint.about("fy", fy, "`fx` is missing"));
    }
    let count = camera.distortion.len();
    let (allowed, is_allowed) = match camera.model {
        LensModel::Pinhole => ("no coefficients", count == 0),
        LensModel::BrownConrady => ("0, 4, 5 or 8 coefficients", [0, 4, 5, 8].contains(&count)),
        LensModel::KannalaBrandt => ("0 or 4 coefficients", [0, 4].contains(&count)),
    };
    if !is_allowed {
        let problem = format!("a {} lens has {allowed}, not {count}", camera.model.name());
        return Err(complaint.about("distortion", format!("{:?}", camera.distortion), problem));
    }
    let (parameter, value) = match camera.horizontal_fov_deg {
        Some(fov) => ("horizontal_fov_deg", fov),
        None => ("fx", camera.fx.unwrap_or_default()),
    };
    let lens = camera
        .camera()
        .map_err(|err| complaint.about(parameter, value, format!("this makes no camera: {err}")))?;
    let (w, h) = (f64::from(camera.width), f64::from(camera.height));
    let i = lens.intrinsics();
    // A fisheye's corners may lie beyond its image circle and stay black; the edges along the axes must not.
    let mut edges = vec![[0.0, i.cy], [w, i.cy]];
    if camera.model != LensModel::KannalaBrandt {
        edges.extend([[0.0, 0.0], [w, 0.0], [0.0, h], [w, h]]);
    }
    for edge in edges {
        if lens.unproject(edge).is_none() {
            let problem = format!(
                "the lens shows nothing at pixel ({:.0}, {:.0}): the view is too wide, or the distortion folds back",
                edge[0], edge[1]
            );
            let bent = !camera.distortion.is_empty();
            let (parameter, value) = if bent {
                ("distortion", format!("{:?}", camera.distortion))
            } else {
                (parameter, value.to_string())
            };
            return Err(complaint.about(parameter, value, problem));
        }
    }
    Ok(())
}

fn check_lidar(lidar: &LidarSpec, complaint: &Complaint<'_>) -> Result<(), WorldError> {
    below(
        complaint,
        "range_min_m",
        lidar.range_min_m,
        "range_max_m",
        lidar.range_max_m,
    )?;
    if lidar.rate_hz > 100.0 {
        return Err(complaint.about("rate_hz", lidar.rate_hz, "a lidar turns at most 100 times a second"));
    }
    let listed = &lidar.vertical_deg;
    if listed.is_empty() {
        let (_, low, high) = LidarSpec::DEFAULT_BEAMS;
        let low = lidar.vertical_min_deg.unwrap_or(low);
        let high = lidar.vertical_max_deg.unwrap_or(high);
        if lidar.channels == Some(1) {
            return if low <= high {
                Ok(())
            } else {
                below(complaint, "vertical_min_deg", low, "vertical_max_deg", high)
            };
        }
        return below(complaint, "vertical_min_deg", low, "vertical_max_deg", high);
    }
    if let Some(channels) = lidar.channels.filter(|n| *n as usize != listed.len()) {
        let problem = format!("`vertical_deg` lists {} beams", listed.len());
        return Err(complaint.about("channels", channels, problem));
    }
    if listed.len() > 256 {
        return Err(complaint.about(
            "vertical_deg",
            format!("{} angles", listed.len()),
            "at most 256 are allowed",
        ));
    }
    for (parameter, given) in [
        ("vertical_min_deg", lidar.vertical_min_deg),
        ("vertical_max_deg", lidar.vertical_max_deg),
    ] {
        if let Some(value) = given {
            return Err(complaint.about(parameter, value, "`vertical_deg` lists the angles already"));
        }
    }
    if let Some([low, high]) = listed.array_windows().find(|[low, high]| low >= high) {
        return Err(complaint.about(
            "vertical_deg",
            format!("{listed:?}"),
            format!("angles must rise, and {low} is not below {high}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refuse(text: &str) -> String {
        Rig::parse(text, "test.toml").unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_rigs_are_right_and_come_back() {
        for name in Rig::BUILTIN {
            let rig = Rig::builtin(name).unwrap();
            let again = Rig::parse(&rig.to_toml().unwrap(), name).unwrap();
            assert_eq!(rig, again);
        }
        assert_eq!(Rig::builtin("surround").unwrap().cameras.len(), 4);
        assert!(
            Rig::builtin("nothing")
                .unwrap_err()
                .to_string()
                .contains("three_cameras")
        );
    }

    #[test]
    fn contradictions_name_sensor_parameter_value_and_what_is_allowed() {
        let camera = "[[camera]]\nname = \"a\"\n";
        let lidar = "[[lidar]]\nname = \"l\"\n";
        let cases = [
            format!("{camera}[[lidar]]\nname = \"a\""),
            "[[camera]]\nrate_hz = 10".to_owned(),
            "[[camera]]\nname = \"a/b\"".to_owned(),
            format!("{camera}horizontal_fov_deg = 180"),
            format!("{camera}horizontal_fov_deg = nan"),
            format!("{camera}model = \"fisheye\""),
            format!("{camera}model = \"kannala-brand\""),
            format!("{camera}exposure_s = 0.2"),
            format!("{camera}rolling_shutter_s = 0.05\nexposure_s = 0.06"),
            format!("{camera}distortion = [0.1, 0.2]"),
            format!("{camera}model = \"brown-conrady\"\ndistortion = [0.1, 0.2]"),
            format!("{camera}model = \"brown-conrady\"\nhorizontal_fov_deg = 100\ndistortion = [-0.5, 0, 0, 0]"),
            format!("{camera}horizontal_fov_deg = 60\nfx = 500"),
            format!("{camera}fy = 500"),
            format!("{camera}samples = 3"),
            format!("{camera}position = [0, 0, 1000]"),
            format!("{camera}jpeg_quality = 0"),
            format!("{lidar}range_min_m = 50\nrange_max_m = 50"),
            format!("{lidar}vertical_min_deg = 10\nvertical_max_deg = -10"),
            format!("{lidar}channels = 3\nvertical_deg = [0, 1]"),
            format!("{lidar}vertical_deg = [0, 2, 1]"),
            format!("{lidar}vertical_deg = [0, 1]\nvertical_min_deg = 0"),
            format!("{lidar}dropout = 1.5"),
            "[[radar]]\nname = \"r\"\nrange_min_m = 9\nrange_max_m = 5".to_owned(),
            format!("{camera}focal = 3"),
            "[[camera]\nname = 3".to_owned(),
        ];
        let all: Vec<String> = cases.iter().map(|text| refuse(text)).collect();
        insta::assert_snapshot!(all.join("\n---\n"));
    }

    #[test]
    fn every_number_of_a_rig_file_has_a_range() {
        let schema = Rig::json_schema();
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            for (field, property) in definition["properties"].as_object().into_iter().flatten() {
                let inner = if property["items"].is_object() {
                    &property["items"]
                } else {
                    property
                };
                let types = inner["type"].to_string();
                if types.contains("number") || types.contains("integer") {
                    assert!(
                        inner["minimum"].is_number() && inner["maximum"].is_number(),
                        "{name}.{field}: {property}"
                    );
                    assert!(property["description"].is_string(), "{name}.{field} has no description");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_number_panics_and_what_is_accepted_comes_back(
            fov in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), -10.0..400.0],
            k in proptest::collection::vec(-2.0..2.0f64, 0..9),
            model in 0_usize..3,
            rate in prop_oneof![Just(0.0), -5.0..2000.0],
            size in (0_u32..9000, 0_u32..9000),
            shutter in -0.1..0.3f64,
        ) {
            let rig = Rig {
                cameras: vec![CameraSpec {
                    name: "a".to_owned(),
                    horizontal_fov_deg: Some(fov),
                    distortion: k,
                    model: [LensModel::Pinhole, LensModel::BrownConrady, LensModel::KannalaBrandt][model],
                    rate_hz: rate,
                    width: size.0,
                    height: size.1,
                    rolling_shutter_s: shutter,
                    ..CameraSpec::default()
                }],
                ..Rig::default()
            };
            if rig.check("test").is_ok() {
                prop_assert!(rig.cameras[0].camera().is_ok());
                let again = Rig::parse(&rig.to_toml().unwrap(), "test").unwrap();
                prop_assert_eq!(again, rig);
            } else if let Ok(text) = rig.to_toml() {
                prop_assert!(Rig::parse(&text, "test").is_err());
            }
        }

        #[test]
        fn no_text_panics(text in "(\\[\\[camera\\]\\]|name = \"a\"|fx = [0-9]{1,3}|model = \"[a-z-]{0,5}\"|\\n|.){0,12}") {
            let _unused = Rig::parse(&text, "test");
        }
    }
}

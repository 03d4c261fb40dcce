//! Rows of signals, transforms and frames.

use guideway_core::TimeNs;
use guideway_schema::SignalRow;

use super::tf::{Rigid, plain, unit};
use crate::schemas::{Sample, SampleKind, TransformSample};

/// Log times are unsigned in the file and signed in the tables; what does not fit is the largest there is.
pub(crate) fn ns(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// Name of a frame in its log.
pub(crate) fn frame_name(topic: &str, stamp: i64) -> String {
    format!("{topic}@{}", TimeNs(stamp))
}

fn some(text: &str) -> Option<String> {
    Some(plain(text).to_owned()).filter(|text| !text.is_empty())
}

/// A sample as a row. The second value says how many of its numbers were not finite or no rotation, and were left out.
pub(crate) fn signal(recording_id: &str, topic: &str, log_time: i64, sample: &Sample) -> (SignalRow, u64) {
    let mut bad = 0;
    let mut row = SignalRow {
        recording_id: recording_id.to_owned(),
        topic: topic.to_owned(),
        kind: sample.kind.as_str().to_owned(),
        timestamp_ns: sample.stamp.unwrap_or(log_time),
        log_time_ns: Some(log_time),
        parent_frame: some(&sample.frame_id),
        child_frame: some(&sample.child_frame_id),
        ..SignalRow::default()
    };
    let mut finite = |values: Option<[f64; 3]>| -> [Option<f64>; 3] {
        let Some(values) = values else { return [None; 3] };
        values.map(|value| {
            bad += u64::from(!value.is_finite());
            Some(value).filter(|value| value.is_finite())
        })
    };
    [row.x, row.y, row.z] = finite(sample.position);
    [row.vx, row.vy, row.vz] = finite(sample.velocity);
    [row.wx, row.wy, row.wz] = finite(sample.angular_velocity);
    [row.ax, row.ay, row.az] = finite(sample.acceleration);
    [row.latitude_deg, row.longitude_deg, row.altitude_m] = finite(sample.geodetic);
    [row.value, _, _] = finite(sample.value.map(|value| [value, 0.0, 0.0]));
    if let Some(rotation) = sample.rotation {
        match unit(rotation) {
            Some(q) => [row.qw, row.qx, row.qy, row.qz] = q.map(Some),
            None => bad += 1,
        }
    }
    if sample.kind == SampleKind::Value {
        row.name = topic.rsplit('/').find(|part| !part.is_empty()).map(str::to_owned);
    }
    (row, bad)
}

/// A transform as a row; `None` when its numbers are not finite or no rotation.
pub(crate) fn transform(
    recording_id: &str,
    topic: &str,
    log_time: i64,
    sample: &TransformSample,
) -> Option<(SignalRow, Rigid)> {
    let rigid = Rigid::new(sample.translation, sample.rotation)?;
    let [x, y, z] = rigid.t.map(Some);
    let [qw, qx, qy, qz] = rigid.q.map(Some);
    let row = SignalRow {
        recording_id: recording_id.to_owned(),
        topic: topic.to_owned(),
        kind: "transform".to_owned(),
        timestamp_ns: sample.stamp.unwrap_or(log_time),
        log_time_ns: Some(log_time),
        parent_frame: some(&sample.parent),
        child_frame: some(&sample.child),
        x,
        y,
        z,
        qw,
        qx,
        qy,
        qz,
        ..SignalRow::default()
    };
    Some((row, rigid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_are_left_out_and_counted() {
        let mut sample = Sample::new(SampleKind::Odometry, None, "/map".to_owned());
        sample.position = Some([1.0, f64::NAN, 3.0]);
        sample.rotation = Some([0.0; 4]);
        let (row, bad) = signal("r", "/odom", 7, &sample);
        assert_eq!((row.x, row.y, row.z, row.qw), (Some(1.0), None, Some(3.0), None));
        assert_eq!((row.timestamp_ns, row.parent_frame.as_deref()), (7, Some("map")));
        assert_eq!(bad, 2);
    }

    #[test]
    fn a_value_is_named_by_its_topic() {
        let mut sample = Sample::new(SampleKind::Value, None, String::new());
        sample.value = Some(12.5);
        let (row, _) = signal("r", "/can/speed", 7, &sample);
        assert_eq!((row.name.as_deref(), row.value), (Some("speed"), Some(12.5)));
    }
}

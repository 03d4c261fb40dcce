//! Payloads by schema.

use guideway_ingest::schemas::{Decoded, Decoder, SampleKind, foxglove};
use guideway_ingest::testing::{CdrWriter, FOXGLOVE_SCHEMAS, ROS_SCHEMAS};
use proptest::prelude::*;
use prost::Message as _;

fn ros(schema: &str) -> Decoder {
    Decoder::for_channel("cdr", Some(schema)).unwrap()
}

proptest! {
    #[test]
    fn no_payload_panics(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        // Random bytes seldom have an encapsulation header: give every other try one.
        let headed = [&[0, 1, 0, 0][..], &payload].concat();
        for schema in ROS_SCHEMAS {
            for encoding in ["cdr", "ros1"] {
                let decoder = Decoder::for_channel(encoding, Some(schema)).unwrap();
                drop(decoder.decode(&payload));
                drop(decoder.decode(&headed));
            }
        }
        for schema in FOXGLOVE_SCHEMAS {
            for encoding in ["protobuf", "json"] {
                drop(Decoder::for_channel(encoding, Some(schema)).unwrap().decode(&payload));
            }
        }
    }

    #[test]
    fn odometry_comes_back_from_cdr(
        seconds in 1i32..i32::MAX,
        nanos in 0u32..1_000_000_000,
        frame in "[a-z]{0,9}",
        numbers in proptest::array::uniform13(-1e6f64..1e6),
    ) {
        let zeros = [0.0; 36];
        let payload = CdrWriter::new()
            .header(seconds, nanos, &frame)
            .string("base_link")
            .f64s(&numbers[..7])
            .f64s(&zeros)
            .f64s(&numbers[7..])
            .f64s(&zeros)
            .finish();
        let Ok(Decoded::Samples(samples)) = ros("nav_msgs/msg/Odometry").decode(&payload) else {
            return Err(TestCaseError::fail("no odometry"));
        };
        let sample = &samples[0];
        prop_assert_eq!(sample.kind, SampleKind::Odometry);
        prop_assert_eq!(sample.stamp, Some(i64::from(seconds) * 1_000_000_000 + i64::from(nanos)));
        prop_assert_eq!(&sample.frame_id, &frame);
        prop_assert_eq!(sample.position.unwrap(), [numbers[0], numbers[1], numbers[2]]);
        prop_assert_eq!(sample.rotation.unwrap(), [numbers[6], numbers[3], numbers[4], numbers[5]]);
        prop_assert_eq!(sample.velocity.unwrap(), [numbers[7], numbers[8], numbers[9]]);
        prop_assert_eq!(sample.angular_velocity.unwrap(), [numbers[10], numbers[11], numbers[12]]);
    }
}

#[test]
fn detections_become_labels() {
    let pose = [0.0; 43];
    let payload = CdrWriter::new()
        .header(1, 0, "camera")
        .u32(1)
        .header(1, 0, "camera")
        .u32(1)
        .string("car")
        .f64(0.75)
        .f64s(&pose)
        .f64s(&[50.0, 40.0, 0.0, 20.0, 10.0])
        .string("12")
        .finish();
    let Ok(Decoded::Annotations(all)) = ros("vision_msgs/msg/Detection2DArray").decode(&payload) else {
        panic!("no annotations");
    };
    assert_eq!(
        (all[0].class.as_deref(), all[0].track.as_deref(), all[0].score),
        (Some("car"), Some("12"), Some(0.75))
    );
    assert_eq!(
        all[0].shape,
        guideway_ingest::schemas::AnnotationShape::Box([40.0, 35.0, 60.0, 45.0])
    );
}

#[test]
fn a_receiver_without_a_fix_gives_no_position() {
    let decode = |status: u8| {
        let payload = CdrWriter::new()
            .header(1, 0, "gps")
            .u8(status)
            .u16(1)
            .f64s(&[48.0, 11.0, 500.0])
            .finish();
        match ros("sensor_msgs/msg/NavSatFix").decode(&payload) {
            Ok(Decoded::Samples(samples)) => samples[0].geodetic,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(decode(0), Some([48.0, 11.0, 500.0]));
    assert_eq!(decode(255), None);
}

#[test]
fn a_text_at_the_box_names_it() {
    let message = foxglove::ImageAnnotations {
        points: vec![foxglove::PointsAnnotation {
            r#type: 2,
            points: [(10.0, 10.0), (30.0, 10.0), (30.0, 20.0), (10.0, 20.0)]
                .map(|(x, y)| foxglove::Point2 { x, y })
                .to_vec(),
            ..foxglove::PointsAnnotation::default()
        }],
        texts: vec![
            foxglove::TextAnnotation {
                position: Some(foxglove::Point2 { x: 200.0, y: 200.0 }),
                text: "elsewhere".to_owned(),
                font_size: 12.0,
                ..foxglove::TextAnnotation::default()
            },
            foxglove::TextAnnotation {
                position: Some(foxglove::Point2 { x: 10.0, y: 8.0 }),
                text: "cyclist".to_owned(),
                font_size: 12.0,
                ..foxglove::TextAnnotation::default()
            },
        ],
        ..foxglove::ImageAnnotations::default()
    };
    let payload = message.encode_to_vec();
    let decoder = Decoder::for_channel("protobuf", Some("foxglove.ImageAnnotations")).unwrap();
    let Ok(Decoded::Annotations(all)) = decoder.decode(&payload) else {
        panic!("no annotations")
    };
    assert_eq!(all[0].class.as_deref(), Some("cyclist"));
}

#[test]
fn errors_name_the_field() {
    let payload = CdrWriter::new().header(1, 0, "camera").string("jpeg").u32(9).finish();
    let err = ros("sensor_msgs/msg/CompressedImage").decode(&payload).unwrap_err();
    assert_eq!(err.to_string(), "field `data` needs 9 bytes at byte 36, 0 are left");
}

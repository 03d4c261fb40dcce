//! What pictures lose as JPEG.

use guideway_world::Seed;
use guideway_world::bench::bench_scene;
use guideway_world::picture::{encode_jpeg, take};
use guideway_world::sensors::Rig;
use guideway_world::world::World;
use image::ImageEncoder as _;

fn psnr(rgb: &[u8], jpeg: &[u8]) -> f64 {
    let picture = image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap();
    let decoded = picture.to_rgb8().into_raw();
    assert_eq!(decoded.len(), rgb.len());
    let errors = rgb.iter().zip(&decoded).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
    10.0 * (255.0 * 255.0 * rgb.len() as f64 / errors.sum::<f64>().max(1e-9)).log10()
}

#[test]
fn a_street_keeps_what_another_encoder_keeps_in_about_as_many_bytes() {
    let mut params = bench_scene();
    params.road.extent = 120.0;
    let rig = Rig::builtin("default").unwrap();
    let mut world = World::new(params, ".".as_ref(), Seed::new(3)).unwrap();
    let state = world.state_at(1.0);
    let reading = take(&world, &state, &rig.cameras[0], 1_000_000_000, None).unwrap();
    let frame = &reading.frame;
    for quality in [60, 90, 97] {
        let ours = encode_jpeg(frame, quality).unwrap();
        let mut theirs = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut theirs, quality)
            .write_image(&frame.rgb, frame.width, frame.height, image::ExtendedColorType::Rgb8)
            .unwrap();
        let (a, b) = (psnr(&frame.rgb, &ours), psnr(&frame.rgb, &theirs));
        println!(
            "quality {quality}: {a:.2} dB in {}, {b:.2} dB in {} bytes",
            ours.len(),
            theirs.len()
        );
        assert!(a > b - 0.1, "quality {quality}: {a} dB, {b} dB");
        assert!(
            ours.len() <= theirs.len() * 104 / 100,
            "quality {quality}: {} {}",
            ours.len(),
            theirs.len()
        );
    }
}

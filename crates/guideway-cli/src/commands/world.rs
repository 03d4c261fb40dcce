//! `world`.

use std::path::Path;

use guideway::{
    Error, FreezeOptions, GroupBy, RecordOptions, WorldFramesOptions, WorldSetup, check_out, world_bench,
    world_diversity, world_preview, world_record, world_remake, world_schema_json, write_atomic,
};
use serde_json::json;

use super::dataset::split;
use crate::cli::world::{
    BenchArgs, FramesArgs, PreviewArgs, RecordArgs, RemakeArgs, ReportArgs, SetupArgs, WorldCommand,
};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, bytes, count, plural};

pub(crate) fn run(context: &Context, command: &WorldCommand) -> Result<Outcome, Error> {
    match command {
        WorldCommand::Schema { rig } => {
            let schema = world_schema_json(*rig);
            let text = serde_json::to_string_pretty(&schema).map_err(|err| Error::corrupt("the schema", err))?;
            context.print(&Report::new(&schema).text(text))?;
            Ok(Outcome::Done)
        }
        WorldCommand::Sample { setup, scene } => sample(context, setup, *scene),
        WorldCommand::Preview(args) => preview(context, args),
        WorldCommand::Record(args) => record(context, args),
        WorldCommand::Frames(args) => frames(context, args),
        WorldCommand::Remake(args) => remake(context, args),
        WorldCommand::Report(args) => report(context, args),
        WorldCommand::Bench(args) => bench(context, args),
    }
}

fn read(args: &SetupArgs) -> Result<WorldSetup, Error> {
    WorldSetup::read(args.config.as_deref(), args.rig.as_deref())
}

fn sample(context: &Context, args: &SetupArgs, scene: u64) -> Result<Outcome, Error> {
    let setup = read(args)?;
    let params = setup.sample(args.seed, scene)?;
    let text = setup.sample_toml(args.seed, scene)?;
    context.print(&Report::new(&params).text(text.trim_end()))?;
    Ok(Outcome::Done)
}

fn preview(context: &Context, args: &PreviewArgs) -> Result<Outcome, Error> {
    let setup = read(&args.setup)?;
    let size = world_preview(&setup, args.setup.seed, args.scenes, &args.out, &context.console)?;
    let answer = json!({ "path": args.out, "width": size[0], "height": size[1], "scenes": args.scenes });
    context.print(&Report::new(&answer).text(format!(
        "{}: {} × {} px, {}",
        args.out.display(),
        size[0],
        size[1],
        plural(u64::from(args.scenes), "scene")
    )))?;
    Ok(context.outcome())
}

fn record(context: &Context, args: &RecordArgs) -> Result<Outcome, Error> {
    let options = RecordOptions {
        drives: args.drives,
        seconds: args.seconds,
        seed: args.setup.seed,
        out: args.out.clone(),
        compress: !args.no_compression,
    };
    let done = world_record(&read(&args.setup)?, &options, &context.console)?;
    let mut grid = Grid::new(&["log", "seed", "status", "frames", "labels", "size"]);
    for log in &done.logs {
        grid.push(vec![
            json!(log.path.file_name().unwrap_or_default().to_string_lossy()),
            json!(log.seed.to_string()),
            json!(if log.existed { "there already" } else { "recorded" }),
            if log.existed { json!(null) } else { json!(log.frames) },
            if log.existed { json!(null) } else { json!(log.labels) },
            json!(bytes(log.bytes)),
        ]);
    }
    context.print(&Report::new(&done).grid(grid.clone()).rows(grid).text(format!(
        "{} in {}, where their buildings stand in {}; read them with: guideway ingest {}",
        plural(done.logs.len() as u64, "log"),
        args.out.display(),
        done.solids.file_name().unwrap_or_default().to_string_lossy(),
        args.out.display()
    )))?;
    Ok(context.outcome())
}

fn frames(context: &Context, args: &FramesArgs) -> Result<Outcome, Error> {
    let options = WorldFramesOptions {
        count: args.count,
        per_scene: args.per_scene,
        seed: args.setup.seed,
        dataset: args.dataset.clone(),
        freeze: FreezeOptions {
            sql: String::new(),
            split: split(args.split.as_deref())?,
            group_by: GroupBy::Recording,
            seed: args.setup.seed,
            classes: args.classes.clone(),
            may_lack_classes: false,
            labelers: Vec::new(),
            orders: Vec::new(),
            min_area: args.min_area,
        },
    };
    let done = context
        .workspace()?
        .world_frames(&read(&args.setup)?, &options, &context.console)?;
    let mut splits = Grid::new(&["split", "frames", "labels"]);
    for split in &done.dataset.splits {
        splits.push(vec![json!(split.name), json!(split.frames), json!(split.labels)]);
    }
    context.print(
        &Report::new(&done)
            .text(format!(
                "Dataset {}: {} frames with {} labels, pictures in {}",
                done.dataset.name,
                count(done.frames),
                count(done.labels),
                done.folder.display()
            ))
            .grid(splits),
    )?;
    Ok(context.outcome())
}

fn remake(context: &Context, args: &RemakeArgs) -> Result<Outcome, Error> {
    check_out(&args.out)?;
    let path = Path::new(&args.origin);
    // Ids have neither dots nor folders.
    let names_a_file = args.origin.contains(['.', '/']);
    let origin = if args.origin == "-" {
        std::io::read_to_string(std::io::stdin()).map_err(|err| Error::io("read", Path::new("standard input"), err))?
    } else if names_a_file || path.is_file() {
        std::fs::read_to_string(path).map_err(|err| Error::io("read", path, err))?
    } else {
        context.workspace()?.world_origin(&args.origin)?
    };
    let made = world_remake(&origin, &args.origin, &context.console)?;
    write_atomic(&args.out, &made.jpeg)?;
    let [width, height] = made.size;
    let answer =
        json!({ "path": args.out, "width": width, "height": height, "objects": made.objects, "version": made.version });
    context.print(&Report::new(&answer).text(format!(
        "{}: {width} × {height} px, {}",
        args.out.display(),
        plural(made.objects as u64, "object")
    )))?;
    Ok(context.outcome())
}

fn report(context: &Context, args: &ReportArgs) -> Result<Outcome, Error> {
    args.out.as_deref().map_or(Ok(()), check_out)?;
    let found = world_diversity(&read(&args.setup)?, args.setup.seed, args.count, &context.console)?;
    if let Some(path) = &args.out {
        write_atomic(path, found.to_svg()?.as_bytes())?;
    }
    let mut grid = Grid::new(&["class", "objects", "share"]);
    let total: u64 = found.classes.values().sum();
    for (class, objects) in &found.classes {
        grid.push(vec![
            json!(class),
            json!(objects),
            json!(format!("{:.1} %", 100.0 * *objects as f64 / total.max(1) as f64)),
        ]);
    }
    let mut text = Report::new(&found).grid(grid.clone()).rows(grid);
    if let Some(path) = &args.out {
        text = text.text(format!("histograms: {}", path.display()));
    }
    context.print(&text)?;
    Ok(context.outcome())
}

fn bench(context: &Context, args: &BenchArgs) -> Result<Outcome, Error> {
    let setup = WorldSetup::read(None, args.rig.as_deref())?;
    let found = world_bench(&setup, args.seed, args.frames)?;
    let mut stages = Grid::new(&["stage", "ms/frame", "share"]);
    for stage in &found.stages {
        stages.push(vec![
            json!(stage.name),
            json!(format!("{:.2}", stage.ms_per_frame)),
            json!(format!("{:.0} %", 100.0 * stage.share)),
        ]);
    }
    context.print(
        &Report::new(&found)
            .text(format!(
                "{:.1} frames/s ({:.1} without encoding): {} × {} px, {} lidar rays, all labels",
                found.frames_per_second,
                found.frames_per_second_without_encoding,
                found.image[0],
                found.image[1],
                count(u64::from(found.lidar_rays)),
            ))
            .pairs([
                ("triangles", count(found.triangles)),
                ("actors", count(u64::from(found.actors))),
                ("objects/frame", format!("{:.1}", found.objects_per_frame)),
                ("rays/s", format!("{:.1} M", found.rays_per_second * 1e-6)),
                ("threads", count(u64::from(found.threads))),
                ("world built in", format!("{:.2} s", found.build_seconds)),
                ("broken labels", count(found.violations)),
            ])
            .grid(stages),
    )?;
    Ok(Outcome::Done)
}

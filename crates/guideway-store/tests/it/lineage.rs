//! Tracing both ways.

use guideway_store::{
    Direction, ModelRecord, NodeKind, NodeRef, Operation, RunRecord, Store, StoreError, TraceGraph, TraceLimits,
};
use serde_json::json;

use crate::support::{Outcome, explain, frame_id, freeze, ingest, recording_id, recording_row, samples, workspace};

/// Two logs, a dataset of each, and a model trained on the first.
async fn filled() -> Result<(tempfile::TempDir, Store), Box<dyn std::error::Error>> {
    let (dir, store) = workspace().await?;
    ingest(&store, 1, 3).await?;
    ingest(&store, 2, 3).await?;
    let first = freeze(&store, "night-v1", samples(1, 3, "train")).await?.info;
    freeze(&store, "day-v1", samples(2, 3, "train")).await?;
    let run = RunRecord {
        run_id: "run-1".to_owned(),
        kind: "train".to_owned(),
        name: "first training".to_owned(),
        params: json!({ "epochs": 3 }),
        status: "running".to_owned(),
        seed: Some(7),
        started_ns: 20_000,
        ..RunRecord::default()
    };
    store.note_run(&run).await?;
    let mut write = store.begin().await?;
    write.put_run(RunRecord {
        status: "done".to_owned(),
        ended_ns: Some(30_000),
        ..run
    });
    write.put_model(ModelRecord {
        model_id: "model-1".to_owned(),
        name: "detector".to_owned(),
        path: "models/model-1/weights.safetensors".to_owned(),
        dataset_id: Some(first.dataset_id.clone()),
        run_id: Some("run-1".to_owned()),
        classes: first.classes.clone(),
        ..ModelRecord::default()
    });
    let operation = Operation {
        started_ns: 20_000,
        ended_ns: 30_000,
        code_version: "0.1.0 abc".to_owned(),
        environment: json!({ "device": "cpu" }),
        ..Operation::new("train")
            .input(NodeRef::new(NodeKind::Dataset, &first.dataset_id))
            .params(json!({ "epochs": 3 }))
    };
    write.commit(operation).await?;
    Ok((dir, store))
}

/// Names instead of ids, so that the snapshot reads.
fn show(graph: &TraceGraph) -> String {
    let mut text = String::new();
    for node in &graph.nodes {
        let digest = node
            .detail
            .get("digest")
            .and_then(|digest| digest.as_str())
            .unwrap_or_default();
        text = format!(
            "{text}{:>3} {} {} {}\n",
            node.depth,
            node.kind,
            node.label,
            digest.trim_start_matches('0')
        )
        .replace(" \n", "\n");
    }
    for operation in &graph.operations {
        text = format!("{text}operation {} {}\n", operation.kind, operation.params);
    }
    let name = |end: &str| {
        let node = graph
            .nodes
            .iter()
            .find(|node| format!("{}:{}", node.kind, node.id) == end);
        let operation = graph
            .operations
            .iter()
            .find(|operation| format!("operation:{}", operation.op_id) == end);
        match (node, operation) {
            (Some(node), _) => format!("{} {}", node.kind, node.label),
            (_, Some(operation)) => operation.kind.clone(),
            _ => format!("dangling {end}"),
        }
    };
    let mut edges: Vec<String> = graph
        .edges
        .iter()
        .map(|edge| format!("{} -> {}", name(&edge.from), name(&edge.to)))
        .collect();
    edges.sort();
    format!("{text}{}\n", edges.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_reach_the_logs_and_the_models() -> Outcome {
    let (_dir, store) = filled().await?;
    let limits = TraceLimits::default();
    let model = store.resolve("detector").await?;
    insta::assert_snapshot!(
        "up_from_model",
        show(&store.trace(&model, Direction::Up, limits).await?)
    );
    let log = store.resolve("drive-1").await?;
    assert_eq!(log.id, recording_id(1).into_string());
    insta::assert_snapshot!(
        "down_from_log",
        show(&store.trace(&log, Direction::Down, limits).await?)
    );
    let frame = store.resolve(frame_id(1, 1).as_str()).await?;
    assert_eq!(frame.kind, NodeKind::Frame);
    insta::assert_snapshot!(
        "both_from_frame",
        show(&store.trace(&frame, Direction::Both, limits).await?)
    );
    let dataset = store.resolve("night-v1").await?;
    insta::assert_snapshot!(
        "both_from_dataset",
        show(&store.trace(&dataset, Direction::Both, limits).await?)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_kept_and_said() -> Outcome {
    let (_dir, store) = filled().await?;
    let model = store.resolve("detector").await?;
    let near = TraceLimits { depth: 1, nodes: 100 };
    let graph = store.trace(&model, Direction::Up, near).await?;
    assert!(graph.truncated);
    assert!(graph.nodes.iter().all(|node| node.depth >= -1));
    let few = TraceLimits { depth: 10, nodes: 2 };
    let graph = store.trace(&model, Direction::Up, few).await?;
    assert!(graph.truncated);
    assert_eq!(graph.nodes.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_are_answered_with_near_ones() -> Outcome {
    let (_dir, store) = filled().await?;
    let mut all = String::new();
    for err in [
        store.resolve("detektor").await.map(|_| ()),
        store.model("detecor").await.map(|_| ()),
        store.dataset("night-v2").await.map(|_| ()),
        store.run("run-2").await.map(|_| ()),
        store.resolve("no such thing at all").await.map(|_| ()),
        // Too short to be the beginning of an id.
        store.resolve(&frame_id(1, 1).as_str()[..3]).await.map(|_| ()),
    ] {
        let Err(err) = err else {
            return Err("an unknown name was found".into());
        };
        all = format!("{all}{}\n", explain(&err));
    }
    insta::assert_snapshot!(all);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_digits_of_an_id_will_do() -> Outcome {
    let (_dir, store) = filled().await?;
    let dataset = store.dataset("night-v1").await?.info().clone();
    for (asked, kind, id) in [
        ("mode", NodeKind::Model, "model-1".to_owned()),
        ("run-1", NodeKind::Run, "run-1".to_owned()),
        ("first training", NodeKind::Run, "run-1".to_owned()),
        (&dataset.dataset_id[..8], NodeKind::Dataset, dataset.dataset_id.clone()),
        (&dataset.hash[..8], NodeKind::Dataset, dataset.dataset_id.clone()),
        (
            &recording_id(2).as_str()[..8],
            NodeKind::Recording,
            recording_id(2).into_string(),
        ),
        (
            "memory:///drive-2.mcap",
            NodeKind::Recording,
            recording_id(2).into_string(),
        ),
        (
            &frame_id(2, 1).as_str()[..8],
            NodeKind::Frame,
            frame_id(2, 1).into_string(),
        ),
    ] {
        let node = store.resolve(asked).await?;
        assert_eq!((node.kind, node.id), (kind, id), "{asked}");
    }
    assert_eq!(store.model("mode").await?.name, "detector");
    assert_eq!(store.dataset(&dataset.dataset_id[..8]).await?.info().name, "night-v1");
    assert!(store.find_model("mode").await?.is_none(), "only whole names and ids");
    assert!(store.find_run("run-").await?.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_mean_several_things_is_listed() -> Outcome {
    let (_dir, store) = filled().await?;
    let run = |number: i64| RunRecord {
        run_id: format!("beef{number:028}"),
        name: format!("detector on set {number}"),
        ..RunRecord::default()
    };
    for number in 0..6 {
        store.note_run(&run(number)).await?;
    }
    // A training is named after its model: the model is meant.
    let training = RunRecord {
        run_id: "cafe".to_owned(),
        name: "detector".to_owned(),
        ..RunRecord::default()
    };
    store.note_run(&training).await?;
    assert_eq!(store.resolve("detector").await?.kind, NodeKind::Model);
    // A recording of the same name as a dataset.
    let mut write = store.begin().await?;
    let mut row = recording_row(3, 0);
    row.name = "night-v1".to_owned();
    write.push(vec![row].into()).await?;
    write.commit(Operation::new("ingest")).await?;
    let mut all = String::new();
    for err in [
        store.resolve("beef").await.map(|_| ()),
        store.resolve("night-v1").await.map(|_| ()),
        store.run("beef00").await.map(|_| ()),
    ] {
        let Err(err) = err else {
            return Err("one of several was chosen".into());
        };
        assert!(matches!(err, StoreError::Ambiguous { .. }), "{err}");
        all = format!("{all}{}\n", explain(&err));
    }
    insta::assert_snapshot!(all);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn models_and_runs_come_back() -> Outcome {
    let (_dir, store) = filled().await?;
    let run = store.run("first training").await?;
    assert_eq!(
        (run.status.as_str(), run.seed, run.ended_ns),
        ("done", Some(7), Some(30_000))
    );
    let model = store.model("detector").await?;
    assert_eq!(model.classes, ["bicycle", "car", "truck"]);
    assert_eq!(store.model("model-1").await?, model);
    Ok(())
}

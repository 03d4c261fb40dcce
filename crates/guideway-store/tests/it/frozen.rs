//! Frozen datasets.

use futures::{StreamExt as _, TryStreamExt as _};
use guideway_store::{Columns, DoctorOptions, Operation, Sample, Store, StoreError};

use crate::support::{Outcome, explain, freeze, ingest, number, samples, spec, workspace};

async fn filled() -> Result<(tempfile::TempDir, Store), Box<dyn std::error::Error>> {
    let (dir, store) = workspace().await?;
    for number in 1..=3 {
        ingest(&store, number, 6).await?;
    }
    Ok((dir, store))
}

fn content() -> Vec<Sample> {
    let mut all = samples(1, 6, "train");
    all.extend(samples(2, 6, "train"));
    all.extend(samples(3, 6, "val"));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_in_comes_out() -> Outcome {
    let (_dir, store) = filled().await?;
    let frozen = freeze(&store, "night-v1", content()).await?;
    assert!(frozen.created);
    let dataset = store.dataset("night-v1").await?;
    assert_eq!((dataset.len(), dataset.info().labels), (18, 36));
    assert_eq!(dataset.classes(), ["bicycle", "car", "truck"]);
    assert_eq!((dataset.rows("train")?, dataset.rows("val")?), (0..12, 12..18));
    assert!(matches!(
        dataset.rows("vall"),
        Err(StoreError::NotFound { closest: Some(_), .. })
    ));

    let all: Vec<Sample> = dataset.scan(None, Columns::All).await?.try_collect().await?;
    assert!(all.is_sorted_by_key(|sample| (sample.split.clone(), sample.frame_id.clone())));
    for mut sample in content() {
        sample.media_digest = blake3::hash(&sample.media).to_hex().to_string();
        sample.labels.sort_by(|a, b| a.label_id.cmp(&b.label_id));
        assert!(all.contains(&sample), "{sample:?}");
    }
    let val: Vec<Sample> = dataset
        .scan(Some("val"), Columns::WithoutMedia)
        .await?
        .try_collect()
        .await?;
    assert_eq!(val.len(), 6);
    assert!(
        val.iter()
            .all(|sample| sample.split == "val" && sample.media.is_empty())
    );

    let taken = dataset.take(&[17, 0, 3, 0], Columns::All).await?;
    let expected: Vec<Sample> = [17, 0, 3, 0].iter().map(|row| all[*row].clone()).collect();
    assert_eq!(taken, expected);
    assert!(matches!(
        dataset.take(&[0, 18], Columns::All).await,
        Err(StoreError::RowOutOfRange { row: 18, len: 18, .. })
    ));
    let blocking = dataset.clone();
    let taken = tokio::task::spawn_blocking(move || blocking.take_blocking(&[1], Columns::All)).await??;
    assert_eq!(taken, all[1..2]);
    let blocking = dataset.clone();
    let taken = std::thread::spawn(move || blocking.take_blocking(&[1], Columns::All));
    assert_eq!(taken.join().map_err(|_panic| "panicked")??, all[1..2]);

    let recordings = &dataset.manifest().recordings;
    assert_eq!(recordings.len(), 3);
    assert!(
        recordings
            .iter()
            .all(|recording| recording.frames == 6 && recording.digest.len() == 64)
    );
    assert_eq!(
        dataset.manifest().table_versions["frames"],
        store.table_versions().await?["frames"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hash_is_of_the_content_alone() -> Outcome {
    let (_dir, store) = filled().await?;
    let first = freeze(&store, "a", content()).await?.info;
    // Other name, other workspace, other order of the query's rows and labels, other history.
    let (_dir2, other) = workspace().await?;
    ingest(&other, 9, 1).await?;
    let mut shuffled = content();
    shuffled.reverse();
    for sample in &mut shuffled {
        sample.labels.reverse();
    }
    let second = freeze(&other, "b", shuffled).await?.info;
    assert_eq!(first.hash, second.hash);
    assert_ne!(first.dataset_id, second.dataset_id);
    assert_eq!(first.hash.len(), 64);
    insta::assert_snapshot!(first.hash);

    let mut changed = content();
    changed[0].media.push(0);
    assert_ne!(freeze(&store, "c", changed).await?.info.hash, first.hash);
    let mut changed = content();
    changed[0].labels[0].x_min = Some(0.125);
    assert_ne!(freeze(&store, "d", changed).await?.info.hash, first.hash);
    Ok(())
}

#[test]
fn the_hash_does_not_depend_on_threads() -> Outcome {
    let mut hashes = Vec::new();
    for threads in [1, 4] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()?;
        hashes.push(runtime.block_on(async {
            let (_dir, store) = filled().await?;
            Ok::<_, Box<dyn std::error::Error>>(freeze(&store, "a", content()).await?.info.hash)
        })?);
    }
    assert_eq!(hashes[0], hashes[1]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_dataset_does_not_change() -> Outcome {
    let (_dir, store) = filled().await?;
    let first = freeze(&store, "night-v1", content()).await?;
    let operations = number(&store, "SELECT count(*) FROM operations").await?;
    let again = freeze(&store, "night-v1", content()).await?;
    assert!(!again.created);
    assert_eq!(again.info, first.info);
    assert_eq!(number(&store, "SELECT count(*) FROM operations").await?, operations);
    let Err(err) = freeze(&store, "night-v1", samples(1, 6, "train")).await else {
        return Err("a frozen dataset was overwritten".into());
    };
    insta::assert_snapshot!("frozen_error", explain(&err));
    let folders = std::fs::read_dir(store.root().join("datasets"))?.count();
    assert_eq!(folders, 1);
    assert!(store.doctor(DoctorOptions { deep: true }).await?.is_whole());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_samples_are_refused() -> Outcome {
    let (_dir, store) = filled().await?;
    let mut unknown_class = samples(1, 1, "train");
    unknown_class[0].labels[0].class = "zebra".to_owned();
    let mut not_finite = samples(1, 1, "train");
    not_finite[0].labels[0].x_max = Some(f64::NAN);
    let mut twice = samples(1, 1, "train");
    twice.extend(samples(1, 1, "train"));
    let mut straddling = samples(1, 3, "train");
    straddling[2].split = "val".to_owned();
    let mut label_twice = samples(1, 1, "train");
    let label = label_twice[0].labels[0].clone();
    label_twice[0].labels.push(label);
    let cases = [
        ("class", unknown_class),
        ("finite", not_finite),
        ("twice", twice),
        ("straddle", straddling),
        ("label twice", label_twice),
        ("empty", Vec::new()),
    ];
    let mut all = String::new();
    for (name, samples) in cases {
        let Err(err) = freeze(&store, "bad", samples).await else {
            return Err(format!("{name} was accepted").into());
        };
        all = format!("{all}{name}: {}\n\n", explain(&err));
    }
    let mut writer = store.begin_dataset(spec("unsorted")).await?;
    let mut unsorted = samples(1, 2, "train");
    unsorted.sort_by(|a, b| b.frame_id.cmp(&a.frame_id));
    let mut outcome = Ok(());
    for sample in unsorted {
        outcome = writer.push(sample).await;
    }
    let Err(err) = outcome else {
        return Err("unsorted samples were accepted".into());
    };
    all = format!("{all}unsorted: {}\n\n", explain(&err));
    drop(writer);
    for name in ["", "../x", "a b", ".hidden"] {
        let Err(err) = store.begin_dataset(spec(name)).await else {
            return Err(format!("the name `{name}` was accepted").into());
        };
        all = format!("{all}{}\n", explain(&err));
    }
    insta::assert_snapshot!(all);
    assert!(store.datasets().await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn diff_names_what_changed() -> Outcome {
    let (_dir, store) = filled().await?;
    freeze(&store, "a", content()).await?;
    let mut changed: Vec<Sample> = samples(1, 5, "train");
    changed.extend(samples(2, 6, "val"));
    changed.extend(samples(3, 6, "val"));
    changed[0].labels[0].class = "truck".to_owned();
    changed[0].labels[0].x_min = Some(-5.0);
    changed[1].labels.pop();
    changed[2].media = b"other".to_vec();
    let mut new = samples(4, 1, "train");
    new[0].labels.truncate(1);
    changed.extend(new);
    freeze(&store, "b", changed).await?;
    let (a, b) = (store.dataset("a").await?, store.dataset("b").await?);
    insta::assert_json_snapshot!(a.diff(&b, 3).await?);
    assert!(a.diff(&a, 3).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_export_holds_every_row() -> Outcome {
    let (dir, store) = filled().await?;
    freeze(&store, "a", content()).await?;
    let folder = dir.path().join("out");
    let files = store.dataset("a").await?.export_parquet(&folder).await?;
    let names: Vec<_> = files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
    assert_eq!(names, ["train.parquet", "val.parquet", "dataset.json"]);
    let context = datafusion::prelude::SessionContext::new();
    let train = context
        .read_parquet(
            folder.join("train.parquet").display().to_string(),
            datafusion::prelude::ParquetReadOptions::default(),
        )
        .await?;
    assert_eq!(train.count().await?, 12);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn big_media_stream_through() -> Outcome {
    let (_dir, store) = filled().await?;
    let mut all = samples(1, 40, "train");
    for (number, sample) in all.iter_mut().enumerate() {
        sample.media = vec![u8::try_from(number)?; 1 << 20];
    }
    let mut writer = store.begin_dataset(spec("big")).await?;
    all.sort_by(|a, b| a.frame_id.cmp(&b.frame_id));
    for sample in &all {
        writer.push(sample.clone()).await?;
    }
    writer.finish(Operation::new("freeze")).await?;
    let dataset = store.dataset("big").await?;
    let mut scanned = dataset.scan(None, Columns::All).await?;
    let mut row = 0;
    while let Some(sample) = scanned.next().await {
        assert_eq!(sample?.media, all[row].media);
        row += 1;
    }
    assert_eq!(row, 40);
    Ok(())
}

//! What a set of events has in common, as predicates in SQL.

use std::collections::{BTreeMap, BTreeSet};

use arrow::compute::cast;
use arrow_array::ArrayRef;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_schema::{ArrowError, DataType};
use guideway_core::{IdBuilder, Reporter, Warning};
use guideway_mine::slices::{Column, Outcome, Slice, SliceParams, Table, Values, discover, regions};
use guideway_mine::{Points, unit_rows};
use guideway_store::NodeRef;
use guideway_train::Wanted;
use serde::Serialize;
use serde_json::json;

use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::interrupt::Stopped;
use crate::mine::unscored;
use crate::train::model_node;
use crate::workspace::{Workspace, quote};

/// Where to look for slices, and how.
#[derive(Debug, Clone)]
pub struct SliceOptions {
    /// A query: one row for each object or frame, with its attributes.
    pub sql: String,
    /// The column that says whether the row is an event: a boolean, or a number that is not 0.
    pub event: String,
    /// The column of what fails together, such as the recording: its rows are not independent.
    pub group: Option<String>,
    /// Look also at where the rows' frames lie in embedding space.
    pub regions: Option<RegionOptions>,
    /// How to look.
    pub params: SliceParams,
}

/// Regions of embedding space: frames that look alike to a model.
#[derive(Debug, Clone)]
pub struct RegionOptions {
    /// The model whose embedding is used, by name or id.
    pub model: String,
    /// How many regions the frames are divided into.
    pub regions: usize,
    /// The frames of a region that a slice names are kept as the selection `OUT-REGION`.
    pub out: String,
}

/// A slice in which events are more frequent than elsewhere.
#[derive(Debug, Clone, Serialize)]
pub struct FoundSlice {
    /// A condition on the columns of the query.
    pub predicate: String,
    /// Rows in it.
    pub rows: u64,
    /// Events in it.
    pub events: u64,
    /// Events per row inside.
    pub rate: f64,
    /// Events per row outside.
    pub rate_outside: f64,
    /// The rate inside as a multiple of that of all rows.
    pub lift: f64,
    /// Events that would not be there at the rate outside.
    pub excess: f64,
    /// The largest p-value of its tests.
    pub p_value: f64,
    /// The smallest false discovery rate at which it may stand in the list.
    pub q_value: f64,
}

/// The slices of a query's rows.
#[derive(Debug, Clone, Serialize)]
pub struct SliceReport {
    /// Rows of the query.
    pub rows: u64,
    /// Events among them.
    pub events: u64,
    /// Attributes that were looked at.
    pub attributes: Vec<String>,
    /// The slices, best first.
    pub slices: Vec<FoundSlice>,
}

/// The values of a column, in memory.
enum Held {
    Text(Vec<Option<String>>),
    Number(Vec<f64>),
    Flag(Vec<Option<bool>>),
}

impl Workspace {
    /// Finds what describes the events among a query's rows better than chance: conjunctions of conditions on its columns, with a controlled rate of
    /// false discoveries. Each predicate can stand behind `WHERE` of the same query. Memory holds the columns of the result.
    ///
    /// With `regions`, the frames of the query (its column `frame_id`) are divided by k-means over a model's embedding of the whole picture, and "in this
    /// region" is one more attribute. The frames of a region that a slice names are kept as a selection, so that its predicate means the same anywhere.
    pub fn slices(
        &self,
        options: &SliceOptions,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<SliceReport, Error> {
        let started = clock::now_ns();
        let unreadable = |err: ArrowError| Error::corrupt("the answer to a query", err);
        let mut result = self.query(&options.sql)?;
        let schema = result.schema();
        let mut held: BTreeMap<String, Held> = BTreeMap::new();
        for field in schema.fields() {
            let kind = match field.data_type() {
                DataType::Boolean => Held::Flag(Vec::new()),
                kind if kind.is_numeric() => Held::Number(Vec::new()),
                kind if is_text(kind) => Held::Text(Vec::new()),
                kind => {
                    reporter.warn(Warning {
                        code: "no-attribute".to_owned(),
                        message: format!("a column of {kind} is no attribute: it is left out"),
                        location: field.name().clone(),
                        count: 1,
                    });
                    continue;
                }
            };
            held.insert(field.name().clone(), kind);
        }
        while let Some(batch) = result.next_batch()? {
            for (name, held) in &mut held {
                if let Some(array) = batch.column_by_name(name) {
                    held.extend(array).map_err(unreadable)?;
                }
            }
        }
        let events = events(&mut held, &options.event)?;
        let groups = match &options.group {
            None => None,
            Some(name) => Some(groups(&mut held, name)?),
        };
        if events.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: "the query yields no rows".to_owned(),
                hint: Some("try it with `guideway query`".to_owned()),
            }
            .into());
        }
        let placed = match &options.regions {
            None => None,
            Some(regions) => Some(self.frame_regions(&mut held, (&options.sql, regions), device, reporter)?),
        };
        let text: BTreeMap<&String, Vec<Option<&str>>> = held
            .iter()
            .filter_map(|(name, held)| match held {
                Held::Text(values) => Some((name, values.iter().map(Option::as_deref).collect())),
                _ => None,
            })
            .collect();
        let mut columns: Vec<Column<'_>> = held
            .iter()
            .map(|(name, held)| {
                let values = match held {
                    Held::Text(_) => Values::Text(&text[name]),
                    Held::Number(values) => Values::Number(values),
                    Held::Flag(values) => Values::Flag(values),
                };
                Column::new(name, values)
            })
            .collect();
        if let Some(placed) = &placed {
            columns.push(Column::new(REGION, Values::Region(&placed.of_row)));
        }
        if columns.is_empty() {
            return Err(Error::usage(
                format!("the query yields no attributes besides `{}`", options.event),
                "select columns that may explain the events: class, size, distance, weather, …".to_owned(),
            ));
        }
        let table = Table::new(columns)?;
        let outcome = match &groups {
            None => Outcome::new(&events),
            Some(groups) => Outcome::new(&events).in_groups(groups),
        };
        let slices = discover(&table, &outcome, &options.params)?;
        let mut attributes: Vec<String> = held.into_keys().collect();
        if let (Some(placed), Some(regions)) = (&placed, &options.regions) {
            attributes.push(REGION.to_owned());
            let named: BTreeSet<u32> = slices.iter().filter_map(|slice| slice.region).collect();
            for region in named {
                self.keep_region(placed, region, regions, started)?;
            }
        }
        let predicate = |slice: &Slice| match (slice.region, &options.regions) {
            (Some(region), Some(regions)) => slice.predicate.replace(
                &format!("{REGION} = {region}"),
                &format!(
                    "frame_id IN (SELECT frame_id FROM selections WHERE selection = {})",
                    quote(&region_name(regions, region))
                ),
            ),
            _ => slice.predicate.clone(),
        };
        Ok(SliceReport {
            rows: events.len() as u64,
            events: events.iter().filter(|event| **event).count() as u64,
            attributes,
            slices: slices
                .iter()
                .map(|slice| FoundSlice {
                    predicate: predicate(slice),
                    rows: slice.rows as u64,
                    events: slice.events as u64,
                    rate: slice.rate,
                    rate_outside: slice.rate_outside,
                    lift: slice.lift,
                    excess: slice.excess,
                    p_value: slice.p_value,
                    q_value: slice.q_value,
                })
                .collect(),
        })
    }

    /// Divides the frames of a query's rows by a model's embedding.
    fn frame_regions(
        &self,
        held: &mut BTreeMap<String, Held>,
        (sql, options): (&str, &RegionOptions),
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<Placed, Error> {
        let Some(Held::Text(frames)) = held.remove("frame_id") else {
            return Err(missing("frame_id", held));
        };
        if options.out.trim().is_empty() {
            return Err(Error::usage(
                "regions without a name",
                "name the selections that hold them, such as --out misses".to_owned(),
            ));
        }
        let model = self.model_record(&options.model)?;
        let detector = self.detector(&model, self.device(device)?)?;
        let sql = format!(
            "SELECT DISTINCT q.frame_id FROM (\n{}\n) q WHERE q.frame_id IS NOT NULL",
            sql.trim().trim_end_matches(';')
        );
        let target = self.target(&model.classes, &sql, reporter)?;
        let wanted = Wanted {
            maps: false,
            features: false,
            embedding: true,
        };
        let mut ids = Vec::new();
        let mut rows = Vec::new();
        detector
            .predict(target.source.as_ref(), wanted, reporter, &mut |said| {
                self.interrupt().check()?;
                rows.extend_from_slice(&said.embedding);
                ids.push(said.prediction.id);
                Ok(())
            })
            .map_err(|err| {
                if Stopped::is_in_train(&err) {
                    Error::interrupted("nothing was kept", "run it again: it begins anew")
                } else {
                    err.into()
                }
            })?;
        let width = rows.len() / ids.len().max(1);
        let rows = unit_rows(&Points::new(&rows, width)?);
        let count = options.regions.min(ids.len());
        let found = regions(&Points::new(&rows, width)?, count, 0)?;
        let of_frame: BTreeMap<String, (String, u32)> = ids
            .into_iter()
            .zip(found.assignment)
            .map(|(id, region)| {
                let drive = target.frames.recording(&id).unwrap_or_default().to_owned();
                (id, (drive, region))
            })
            .collect();
        let run_id = IdBuilder::new("run")
            .text("regions")
            .text(&model.digest)
            .text(&target.key)
            .int(count as i64)
            .finish();
        let of_row = frames
            .iter()
            .map(|frame| Some(of_frame.get(frame.as_ref()?)?.1))
            .collect();
        Ok(Placed {
            of_row,
            of_frame,
            run_id,
            inputs: vec![target.node.clone(), model_node(&model)],
        })
    }

    /// Keeps the frames of a region as a selection.
    fn keep_region(&self, placed: &Placed, region: u32, options: &RegionOptions, started: i64) -> Result<(), Error> {
        let selection = region_name(options, region);
        let run_id: String = IdBuilder::new("run").text(&placed.run_id).text(&selection).finish();
        self.check_name(&selection, &run_id)?;
        let inside = placed.of_frame.iter().filter(|(_, (_, of))| *of == region);
        let rows = unscored(
            &selection,
            &run_id,
            inside.map(|(frame, (drive, _))| (frame.as_str(), drive.as_str())),
        );
        let params =
            json!({ "region": region, "regions": options.regions, "model": options.model, "selected": rows.len() });
        self.keep_selection("slices", rows, placed.inputs.clone(), params, 0, started)?;
        Ok(())
    }
}

/// The column of regions.
const REGION: &str = "embedding_region";

/// Frames in their regions.
struct Placed {
    /// The region of each row of the query.
    of_row: Vec<Option<u32>>,
    /// The recording and the region of each frame.
    of_frame: BTreeMap<String, (String, u32)>,
    run_id: String,
    inputs: Vec<NodeRef>,
}

/// The selection that holds a region.
fn region_name(options: &RegionOptions, region: u32) -> String {
    format!("{}-{region}", options.out)
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

impl Held {
    fn extend(&mut self, array: &ArrayRef) -> Result<(), ArrowError> {
        match self {
            Self::Text(values) => {
                let array = cast(array, &DataType::Utf8)?;
                values.extend(array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)));
            }
            Self::Number(values) => {
                let array = cast(array, &DataType::Float64)?;
                values.extend(
                    array
                        .as_primitive::<Float64Type>()
                        .iter()
                        .map(|v| v.unwrap_or(f64::NAN)),
                );
            }
            Self::Flag(values) => values.extend(array.as_boolean().iter()),
        }
        Ok(())
    }
}

fn missing(name: &str, held: &BTreeMap<String, Held>) -> Error {
    let names: Vec<&str> = held.keys().map(String::as_str).collect();
    Error::usage(
        format!("the query yields no usable column `{name}`"),
        format!("its columns are {}", names.join(", ")),
    )
}

/// Takes out the column of events.
fn events(held: &mut BTreeMap<String, Held>, name: &str) -> Result<Vec<bool>, Error> {
    match held.remove(name) {
        Some(Held::Flag(values)) => Ok(values.into_iter().map(|value| value == Some(true)).collect()),
        Some(Held::Number(values)) => Ok(values
            .into_iter()
            .map(|value| !value.is_nan() && value != 0.0)
            .collect()),
        Some(Held::Text(_)) => Err(Error::usage(
            format!("the column `{name}` holds text, not whether the row is an event"),
            format!("compute it in the query, such as `kind = 'miss' AS {name}`"),
        )),
        None => Err(missing(name, held)),
    }
}

/// Takes out the column of groups: equal values are one group, missing ones are groups of their own.
fn groups(held: &mut BTreeMap<String, Held>, name: &str) -> Result<Vec<u32>, Error> {
    let keys: Vec<Option<String>> = match held.remove(name) {
        Some(Held::Text(values)) => values,
        Some(Held::Number(values)) => values
            .into_iter()
            .map(|v| (!v.is_nan()).then(|| v.to_string()))
            .collect(),
        Some(Held::Flag(values)) => values.into_iter().map(|v| v.map(|v| v.to_string())).collect(),
        None => return Err(missing(name, held)),
    };
    let mut known: BTreeMap<String, u32> = BTreeMap::new();
    let mut next = 0;
    let mut fresh = || {
        next += 1;
        next - 1
    };
    Ok(keys
        .into_iter()
        .map(|key| match key {
            Some(key) => *known.entry(key).or_insert_with(&mut fresh),
            None => fresh(),
        })
        .collect())
}

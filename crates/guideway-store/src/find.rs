//! Finding things by what people call them: a name, an id, or the first digits of an id.

use std::path::Path;

use guideway_core::hint::closest;
use guideway_core::uri;
use guideway_schema::{RecordingRow, Table};
use sqlx::sqlite::SqliteRow;

use crate::error::{Result, StoreError};
use crate::freeze::short;
use crate::frozen::DatasetInfo;
use crate::lineage::{NodeKind, NodeRef};
use crate::registry::{ModelRecord, RunRecord};
use crate::store::Store;
use crate::transaction::quote;

/// The fewest digits that stand for an id: fewer would too often be a misspelt name.
const FEWEST_DIGITS: usize = 4;
/// Candidates that an error lists.
const LISTED: usize = 4;

/// A thing with a name and an id.
pub trait Named {
    /// Its id.
    fn id(&self) -> &str;
    /// What people call it.
    fn name(&self) -> &str;
}

/// The one of these things that a name, an id, or the first four or more digits of an id mean. Whole names and ids come first.
///
/// # Errors
/// [`StoreError::NotFound`], with the closest name; [`StoreError::Ambiguous`].
pub fn pick<T: Named>(what: &'static str, asked: &str, mut all: Vec<T>) -> Result<T> {
    let places =
        |means: &dyn Fn(&T) -> bool| -> Vec<usize> { (0..all.len()).filter(|place| means(&all[*place])).collect() };
    let mut found = places(&|thing| thing.name() == asked || thing.id() == asked);
    if found.is_empty() {
        found = places(&|thing| begins(thing.id(), asked));
    }
    match found.as_slice() {
        [only] => Ok(all.swap_remove(*only)),
        [] => Err(not_found(what, asked, all.iter().map(T::name))),
        several => {
            let listed = several.iter().map(|place| (all[*place].id(), all[*place].name()));
            Err(ambiguous(what, asked, listed.map(|(id, name)| label(id, name))))
        }
    }
}

fn begins(id: &str, digits: &str) -> bool {
    digits.len() >= FEWEST_DIGITS && id.starts_with(digits)
}

fn label(id: &str, name: &str) -> String {
    if name.is_empty() {
        short(id).to_owned()
    } else {
        format!("{} {name}", short(id))
    }
}

/// Nothing answers to what was asked for.
pub(crate) fn not_found<'a>(what: &'static str, asked: &str, known: impl IntoIterator<Item = &'a str>) -> StoreError {
    let known = known.into_iter().filter(|name| !name.is_empty());
    StoreError::NotFound {
        what,
        name: asked.to_owned(),
        closest: closest(asked, known).map(str::to_owned),
    }
}

fn ambiguous(what: &'static str, asked: &str, found: impl ExactSizeIterator<Item = String>) -> StoreError {
    let count = found.len();
    let mut examples: Vec<String> = found.take(LISTED).collect();
    if count > LISTED {
        examples.push("…".to_owned());
    }
    StoreError::Ambiguous {
        what,
        name: asked.to_owned(),
        count,
        examples: examples.join(", "),
    }
}

/// A row of the catalog with a name and an id.
pub(crate) trait Entry: Named + Sized + Send {
    /// What it is called in messages.
    const WHAT: &'static str;
    /// Selects all of them, in the order of a list.
    const ALL: &'static str;
    /// Selects the one whose name or id is `?1`.
    const ONE: &'static str;

    fn read(row: &SqliteRow) -> Result<Self>;
}

/// A thing that [`Store::resolve`] may mean.
struct Candidate {
    kind: NodeKind,
    id: String,
    name: String,
    /// What else means it: a dataset's hash, a recording's URI.
    alias: String,
}

impl Candidate {
    fn new(kind: NodeKind, thing: &impl Named, alias: &str) -> Self {
        Self {
            kind,
            id: thing.id().to_owned(),
            name: thing.name().to_owned(),
            alias: alias.to_owned(),
        }
    }
}

fn matching(all: &[Candidate], means: impl Fn(&Candidate) -> bool) -> Vec<&Candidate> {
    all.iter().filter(|thing| means(thing)).collect()
}

impl Store {
    pub(crate) async fn entries<T: Entry>(&self) -> Result<Vec<T>> {
        let rows = sqlx::query(T::ALL).fetch_all(&self.inner.catalog.pool).await;
        rows.map_err(StoreError::catalog("read"))?.iter().map(T::read).collect()
    }

    pub(crate) async fn find_entry<T: Entry>(&self, name_or_id: &str) -> Result<Option<T>> {
        let query = sqlx::query(T::ONE).bind(name_or_id);
        let row = query.fetch_optional(&self.inner.catalog.pool).await;
        row.map_err(StoreError::catalog("read"))?
            .as_ref()
            .map(T::read)
            .transpose()
    }

    pub(crate) async fn entry<T: Entry>(&self, asked: &str) -> Result<T> {
        match self.find_entry(asked).await? {
            Some(found) => Ok(found),
            None => pick(T::WHAT, asked, self.entries().await?),
        }
    }

    /// The thing that a user means: by the name of a model, dataset or recording, by the id of any of these or of a run or a
    /// frame, by a dataset's hash, by a recording's URI or file, else by the name of a run, else by the first four or more
    /// digits of an id or hash.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], with the closest name; [`StoreError::Ambiguous`], with what it may mean.
    pub async fn resolve(&self, asked: &str) -> Result<NodeRef> {
        let mut all: Vec<Candidate> = Vec::new();
        let models: Vec<ModelRecord> = self.models().await?;
        all.extend(models.iter().map(|model| Candidate::new(NodeKind::Model, model, "")));
        let datasets: Vec<DatasetInfo> = self.datasets().await?;
        all.extend(
            datasets
                .iter()
                .map(|info| Candidate::new(NodeKind::Dataset, info, &info.hash)),
        );
        let runs: Vec<RunRecord> = self.runs().await?;
        all.extend(runs.iter().map(|run| Candidate::new(NodeKind::Run, run, "")));
        let recordings: Vec<RecordingRow> = self.recordings().await?;
        all.extend(
            recordings
                .iter()
                .map(|row| Candidate::new(NodeKind::Recording, row, &row.uri)),
        );
        let file = Path::new(asked).canonicalize().ok().map(|path| uri::from_path(&path));

        let mut found = matching(&all, |thing| {
            // A training is named after its model, so the names of runs come after all others.
            let named = thing.kind != NodeKind::Run && thing.name == asked;
            let alias = !thing.alias.is_empty() && (thing.alias == asked || file.as_ref() == Some(&thing.alias));
            named || thing.id == asked || alias
        });
        if found.is_empty() {
            found = matching(&all, |thing| thing.name == asked);
        }
        let mut frames = Vec::new();
        if found.is_empty() {
            found = matching(&all, |thing| {
                begins(&thing.id, asked) || thing.kind == NodeKind::Dataset && begins(&thing.alias, asked)
            });
            frames = self.frames_beginning(asked).await?;
        }
        let found: Vec<(NodeKind, &str, &str)> = found
            .iter()
            .map(|thing| (thing.kind, thing.id.as_str(), thing.name.as_str()))
            .chain(frames.iter().map(|id| (NodeKind::Frame, id.as_str(), "")))
            .collect();
        match found.as_slice() {
            [(kind, id, _)] => Ok(NodeRef::new(*kind, *id)),
            [] => {
                let known = all.iter().map(|thing| thing.name.as_str());
                Err(not_found("model, dataset, run, recording or frame", asked, known))
            }
            several => {
                let listed = several.iter();
                let listed = listed.map(|(kind, id, name)| format!("{kind} {}", label(id, name)));
                Err(ambiguous("thing", asked, listed))
            }
        }
    }

    /// The ids of the frames whose ids begin so, sorted.
    async fn frames_beginning(&self, digits: &str) -> Result<Vec<String>> {
        if digits.len() < FEWEST_DIGITS || !digits.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Ok(Vec::new());
        }
        // `~` comes after every letter and digit.
        let end = quote(&format!("{digits}~"));
        let filter = format!("frame_id >= {} AND frame_id < {end}", quote(digits));
        let mut found = Vec::new();
        for batch in self.select(Table::Frames, &["frame_id"], Some(&filter)).await? {
            let ids = crate::sample::text_column("frames", &batch, "frame_id")?;
            found.extend((0..batch.num_rows()).map(|row| ids.value(row).to_owned()));
        }
        found.sort_unstable();
        Ok(found)
    }
}

impl Named for RecordingRow {
    fn id(&self) -> &str {
        &self.recording_id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

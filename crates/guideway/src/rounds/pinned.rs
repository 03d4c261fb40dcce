//! Queries that are asked once. A loop adds labels, events and answers to the tables: asked again, a query for "frames without labels" would yield another
//! pool in every round.

use guideway_core::{BBox, IdBuilder, Reporter};
use guideway_store::{NodeKind, NodeRef, RunRecord};
use serde_json::{Value, json};

use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::mine::{LikeWhat, unscored};
use crate::workspace::{Workspace, quote};

impl Workspace {
    /// The frames of a query, kept as a selection of this name when it is asked for the first time: a query for them.
    pub(super) fn pinned_frames(&self, name: &str, sql: &str) -> Result<String, Error> {
        let started = clock::now_ns();
        let run_id: String = IdBuilder::new("run").text("pin").text(name).text(sql).finish();
        let pinned = format!("SELECT frame_id FROM selections WHERE selection = {}", quote(name));
        if self.is_done(&run_id)? {
            return Ok(pinned);
        }
        let (inner, _) = self.frame_query(sql)?;
        let frames = self.frame_list(&format!(
            "SELECT DISTINCT f.frame_id, f.recording_id FROM frames f WHERE f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q)"
        ))?;
        let frames = frames.sorted().map(|id| (id, frames.recording(id).unwrap_or_default()));
        let rows = unscored(name, &run_id, frames);
        if rows.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: format!("the query for {name} yields no frames"),
                hint: Some("try it with `guideway query`".to_owned()),
            }
            .into());
        }
        let inputs = vec![NodeRef::new(NodeKind::Query, sql.to_owned())];
        let params = json!({ "query": sql, "selected": rows.len() });
        self.keep_selection("pin", rows, inputs, params, 0, started)?;
        Ok(pinned)
    }

    /// The objects of a query, kept when it is asked for the first time in this name.
    pub(super) fn pinned_objects(
        &self,
        name: &str,
        sql: &str,
        reporter: &dyn Reporter,
    ) -> Result<Vec<(String, BBox)>, Error> {
        let run_id: String = IdBuilder::new("run")
            .text("pinned objects")
            .text(name)
            .text(sql)
            .finish();
        if let Some(record) = self.block_on(self.store().find_run(&run_id))? {
            return serde_json::from_value(record.params["objects"].clone())
                .map_err(|err| Error::corrupt("the objects of a loop", err));
        }
        let started = clock::now_ns();
        let objects = self.objects(&LikeWhat::Sql(sql.to_owned()), reporter)?;
        let params = json!({ "query": sql, "objects": objects });
        self.note(run_id, ("objects", format!("objects of {name}")), params, started)?;
        Ok(objects)
    }

    /// Notes something that is to be the same when the loop is run again.
    pub(super) fn note(
        &self,
        run_id: String,
        (kind, name): (&str, String),
        params: Value,
        started: i64,
    ) -> Result<(), Error> {
        let record = RunRecord {
            run_id,
            kind: kind.to_owned(),
            name,
            params,
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: None,
            started_ns: started,
            ended_ns: Some(clock::now_ns()),
            machine: clock::machine(),
        };
        Ok(self.block_on(self.store().note_run(&record))?)
    }
}

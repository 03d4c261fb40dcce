//! One course of learning: rounds of a strategy with a seed.

use guideway_core::{IdBuilder, Reporter};
use guideway_label::Money;
use guideway_store::{NodeKind, NodeRef, RunRecord};
use guideway_train::TrainConfig;
use serde_json::json;

use super::Round;
use super::file::{Mined, RoundBudget, Start, Strategy, money};
use super::ground::{Ground, mean};
use super::ledger::{Cost, Work};
use crate::clock;
use crate::dataset::{FreezeOptions, ids};
use crate::error::{Error, ErrorKind};
use crate::label::{OracleOptions, OracleReport};
use crate::mine::{LikeOptions, LikeWhat, MineOptions, Score};
use crate::train::TrainOptions;
use crate::workspace::quote;

/// The split of chosen frames that are tested on instead of learnt from.
pub(crate) const OWN_SPLIT: &str = "own";

/// What its things are called.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// Begins the names of the first round's things. Courses that begin alike share them.
    shared: String,
    /// Begins the names of the later rounds' things.
    own: String,
}

impl Names {
    /// Of a course that shares nothing.
    pub(crate) fn alone(name: &str) -> Self {
        Self {
            shared: name.to_owned(),
            own: name.to_owned(),
        }
    }

    /// Of an arm that shares its first round with the other arms.
    pub(crate) fn arm(shared: String, own: String) -> Self {
        Self { shared, own }
    }

    fn of(&self, round: u32) -> String {
        let prefix = if round == 0 { &self.shared } else { &self.own };
        format!("{prefix}-r{round}")
    }
}

/// How a round went.
pub(crate) enum Step {
    /// It was done, now or before.
    Done(Box<Round>),
    /// It could cost more than what is left. Nothing was done.
    TooDear,
    /// There is nothing left to choose from.
    NothingLeft,
}

/// Rounds of a strategy with a seed.
pub(crate) struct Course<'g> {
    ground: &'g Ground<'g>,
    strategy: &'g Strategy,
    /// How much is labelled in a round.
    budget: &'g RoundBudget,
    names: Names,
    seed: u64,
    /// How many rounds' worth of training a later round has.
    times: u32,
}

/// What labels of a round may cost.
enum Room {
    /// Nothing: the rest of the round alone could cost more than what is left.
    None,
    /// So much at most.
    Labels(Money),
    /// Whatever they cost.
    Unlimited,
}

/// A round that is about to be done.
struct Plan {
    round: u32,
    run_id: String,
    name: String,
    /// Work that is known before: choosing, and tests.
    looking: Work,
    /// Does the whole course have a budget?
    limited: bool,
}

impl<'g> Course<'g> {
    pub(crate) fn new(
        ground: &'g Ground<'g>,
        (strategy, budget): (&'g Strategy, &'g RoundBudget),
        names: Names,
        seed: u64,
    ) -> Self {
        Self {
            ground,
            strategy,
            budget,
            names,
            seed,
            times: 1,
        }
    }

    /// The later rounds train as long as so many do elsewhere.
    pub(crate) fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// Does the round after those that were done, or finds it done.
    pub(crate) fn round(
        &self,
        before: &[Round],
        budget: Option<Money>,
        reporter: &dyn Reporter,
    ) -> Result<Step, Error> {
        let workspace = self.ground.workspace;
        let round = before.len() as u32;
        let mut id = IdBuilder::new("run")
            .text("round")
            .text(&self.ground.key)
            .int(self.seed as i64);
        let name = self.names.of(round);
        if round > 0 {
            let how = json!([self.strategy, self.budget]);
            if self.times > 1 {
                id = id.int(self.times.into());
            }
            id = id.text(&how.to_string()).text(&before[before.len() - 1].run_id);
        }
        let run_id: String = id.text(&name).finish();
        if let Some(record) = workspace.block_on(workspace.store().find_run(&run_id))? {
            let done = serde_json::from_value(record.params["round"].clone());
            return Ok(Step::Done(Box::new(
                done.map_err(|err| Error::corrupt("the record of a round", err))?,
            )));
        }
        self.check_name(&name, &run_id)?;
        workspace.stop_here(
            || format!("{round} rounds of {name} are done and kept"),
            "run it again: it goes on where it is",
        )?;
        let members = u64::from(self.ground.file.model.members(round));
        let plan = Plan {
            round,
            run_id,
            name,
            looking: Work {
                trained: 0,
                predicted: self.ground.looks_at_tests() * members
                    + before.last().map_or(0, |last| self.looks_at_pool(last)),
            },
            limited: budget.is_some(),
        };
        let room = match self.ordered(&plan)? {
            Some(room) => room,
            None => self.room(&plan, before, budget)?,
        };
        match room {
            Room::None => Ok(Step::TooDear),
            Room::Labels(most) => self.run(&plan, before, Some(most), reporter),
            Room::Unlimited => self.run(&plan, before, None, reporter),
        }
    }

    /// What labels of a round that was begun and cut short may cost: as much as when they were ordered, whatever `stop` says by now.
    fn ordered(&self, plan: &Plan) -> Result<Option<Room>, Error> {
        let store = self.ground.workspace.store();
        let record = self.ground.workspace.block_on(store.find_run(&order_note(plan)))?;
        Ok(record.map(|record| match record.params["labels_micros"].as_i64() {
            Some(micros) => Room::Labels(Money::from_micros(micros, self.ground.currency())),
            None => Room::Unlimited,
        }))
    }

    /// Notes that a round's labels were ordered.
    fn note_order(&self, plan: &Plan, labels: Option<Money>, started: i64) -> Result<(), Error> {
        let params = json!({ "labels_micros": labels.map(Money::micros) });
        let name = format!("order of {}", plan.name);
        self.ground
            .workspace
            .note(order_note(plan), ("order", name), params, started)
    }

    /// Images that models look at to choose.
    fn looks_at_pool(&self, last: &Round) -> u64 {
        match self.strategy {
            Strategy::Mined(mined) if mined.score != Score::Random => {
                let votes = mined.dropout.map_or(1, |dropout| u64::from(dropout.passes));
                self.ground.pool_frames * last.models.len() as u64 * votes
            }
            // One model describes what is in the pool; the objects are few.
            Strategy::Targeted(_) => self.ground.pool_frames,
            _ => 0,
        }
    }

    /// Images in training with so many frames.
    fn trains_on(&self, round: u32, frames: u64) -> u64 {
        let epochs = self.training(round).epochs_over(frames as usize) as u64;
        frames * epochs * u64::from(self.ground.file.model.members(round))
    }

    /// The most images in training with at most so many frames.
    fn trains_on_at_most(&self, round: u32, frames: u64) -> u64 {
        match self.training(round).images {
            // Fewer frames may fit in better.
            Some(images) => images.max(frames) * u64::from(self.ground.file.model.members(round)),
            None => self.trains_on(round, frames),
        }
    }

    fn times_in(&self, round: u32) -> u32 {
        if round == 0 { 1 } else { self.times }
    }

    fn training(&self, round: u32) -> TrainConfig {
        self.detector(round).1.train.times(self.times_in(round))
    }

    fn detector(&self, round: u32) -> &(std::path::PathBuf, guideway_train::DetectorConfig) {
        &self.ground.detectors[usize::from(round > 0)]
    }

    /// What labels of this round may cost, so that the whole round stays within the budget.
    fn room(&self, plan: &Plan, before: &[Round], budget: Option<Money>) -> Result<Room, Error> {
        let currency = self.ground.currency();
        let own = self.own_budget(plan)?;
        let Some(budget) = budget else {
            return Ok(own.map_or(Room::Unlimited, Room::Labels));
        };
        let frames = if plan.round == 0 {
            self.ground.file.seed_set.frames
        } else {
            self.budget.frames
        };
        let trained = before.last().map_or(0, |round| round.train_frames) + frames as u64;
        let compute = self.ground.prices.of(plan.looking.plus(Work {
            trained: self.trains_on_at_most(plan.round, trained),
            predicted: 0,
        }))?;
        let spent = before
            .last()
            .map(|round| round.spent)
            .unwrap_or_default()
            .total(currency);
        let left = budget.checked_sub(spent)?.checked_sub(compute)?;
        if left.micros() <= 0 {
            return Ok(Room::None);
        }
        Ok(Room::Labels(
            own.map_or(left, |own| if own < left { own } else { left }),
        ))
    }

    fn run(
        &self,
        plan: &Plan,
        before: &[Round],
        labels: Option<Money>,
        reporter: &dyn Reporter,
    ) -> Result<Step, Error> {
        let workspace = self.ground.workspace;
        let started = clock::now_ns();
        match self.choose(plan, before, reporter) {
            Err(err) if plan.round > 0 && matches!(err.kind(), ErrorKind::NothingSelected { .. }) => {
                return Ok(Step::NothingLeft);
            }
            other => other?,
        }
        let labelled = match self.label(plan, labels, reporter) {
            Ok(labelled) => labelled,
            // What is left of the loop's budget does not pay for a single frame.
            Err(err) if self.is_less(plan, labels)? && matches!(err.kind(), ErrorKind::TooDear { .. }) => {
                return Ok(Step::TooDear);
            }
            Err(err) => return Err(err),
        };
        self.note_order(plan, labels, started)?;
        let mut parts = labelled_parts(before);
        parts.push(part(&plan.name, labelled.reached));
        let parts = parts.join(" OR ");
        let dataset = self.freeze(plan, &parts, &labelled.order_id, reporter)?;
        let mut models = Vec::new();
        let mut reports = Vec::new();
        // Of the part of the test set that the KPI is about.
        let mut slices = Vec::new();
        for member in 0..self.ground.file.model.members(plan.round) {
            let (name, digest) = self.train(plan, before, member, &dataset.0, reporter)?;
            let on = |frames: &str| workspace.evaluate(&name, frames, self.ground.device.as_deref(), reporter);
            reports.push(on(&self.ground.test)?);
            if let Some((slice, _)) = &self.ground.slice {
                slices.push(on(slice)?);
            }
            models.push((name, digest));
        }
        let work = plan.looking.plus(Work {
            trained: self.trains_on(plan.round, dataset.1),
            predicted: 0,
        });
        let decisive = if self.ground.slice.is_some() { &slices } else { &reports };
        let by_model: Vec<Option<f64>> = decisive.iter().map(|report| self.ground.kpi(report)).collect();
        let cost = Cost {
            labels_micros: labelled.price_micros,
            compute_micros: self.ground.prices.of(work)?.micros(),
        };
        let round = Round {
            round: plan.round,
            run_id: plan.run_id.clone(),
            selection: plan.name.clone(),
            frames: labelled.reached,
            refused: labelled.refused,
            boxes: labelled.boxes,
            dataset: dataset.0.clone(),
            train_frames: dataset.1,
            models,
            evaluations: reports
                .iter()
                .chain(&slices)
                .map(|report| report.run_id.clone())
                .collect(),
            kpi: mean(by_model.iter().copied()),
            by_class: self.ground.by_class(&reports),
            by_model,
            classes_by_model: reports
                .iter()
                .map(|report| self.ground.by_class(std::slice::from_ref(report)))
                .collect(),
            work,
            currency: self.ground.currency(),
            cost,
            spent: before.last().map(|round| round.spent).unwrap_or_default().plus(cost),
        };
        self.record(&round, started)?;
        Ok(Step::Done(Box::new(round)))
    }

    /// Is what labels may cost less than a round's own budget for them?
    fn is_less(&self, plan: &Plan, labels: Option<Money>) -> Result<bool, Error> {
        let own = self.own_budget(plan)?;
        Ok(plan.limited && labels.is_some_and(|labels| own.is_none_or(|own| labels < own)))
    }

    /// What the labels of one round may cost.
    fn own_budget(&self, plan: &Plan) -> Result<Option<Money>, Error> {
        match (&self.budget.labels, plan.round) {
            (Some(text), 1..) => {
                let currency = self.ground.currency();
                Ok(Some(money(text, "round.labels", currency, &self.ground.path)?))
            }
            _ => Ok(None),
        }
    }

    fn choose(&self, plan: &Plan, before: &[Round], reporter: &dyn Reporter) -> Result<(), Error> {
        let (workspace, file) = (self.ground.workspace, &self.ground.file);
        let device = self.ground.device.as_deref();
        // Rounds of one course draw different lots; arms of one seed draw the same.
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(u64::from(plan.round));
        let by_lot = Mined {
            score: Score::Random,
            ..Mined::default()
        };
        let lot = |from: String, budget: usize| MineOptions {
            seed,
            out: plan.name.clone(),
            ..mine_options(&by_lot, Vec::new(), &from, budget)
        };
        let Some(last) = before.last() else {
            workspace.mine(
                &lot(self.ground.seed_pool.clone(), file.seed_set.frames),
                device,
                reporter,
            )?;
            return Ok(());
        };
        // Frames that were learnt from are known to the models, and what is like them is less wanted; those that were refused are nowhere.
        let (from, new) = (open(&self.ground.pool, before), unrefused(&self.ground.pool, before));
        let options = match self.strategy {
            Strategy::Random(_) => lot(from, self.budget.frames),
            Strategy::Mined(mined) => {
                let from = if mined.score == Score::Random { from } else { new };
                let models = last.models.iter().map(|(name, _)| name.clone()).collect();
                MineOptions {
                    seed,
                    out: plan.name.clone(),
                    ..mine_options(mined, models, &from, self.budget.frames)
                }
            }
            Strategy::ByHand(hand) => {
                let classes = if hand.classes.is_empty() {
                    self.ground.classes()
                } else {
                    &hand.classes
                };
                let budget = (self.budget.frames, seed);
                workspace.choose_by_hand((&plan.name, &from), hand, classes, budget, reporter)?;
                return Ok(());
            }
            Strategy::Targeted(targeted) => {
                let options = LikeOptions {
                    model: last.models.first().map(|(name, _)| name.clone()).unwrap_or_default(),
                    like: LikeWhat::Boxes(self.ground.objects(targeted)),
                    from: new,
                    budget: self.budget.frames,
                    information: targeted.information,
                    regions: targeted.regions,
                    scene: targeted.scene,
                    out: plan.name.clone(),
                };
                workspace.mine_like(&options, device, reporter)?;
                return Ok(());
            }
        };
        workspace.mine(&options, device, reporter)?;
        Ok(())
    }

    fn label(&self, plan: &Plan, labels: Option<Money>, reporter: &dyn Reporter) -> Result<OracleReport, Error> {
        let options = OracleOptions {
            selection: plan.name.clone(),
            labelers: self.ground.labelers.clone(),
            classes: self.ground.file.labels.classes.clone(),
            budget: labels.map(decimal),
            partly: labels.is_some(),
        };
        let workspace = self.ground.workspace;
        let asked = workspace.label_oracle(&options, reporter)?;
        if asked.answered_before == 0 {
            return Ok(asked);
        }
        // Some were answered before, for another course or another round: asked again, all are, at the price that was paid.
        workspace.label_oracle(&options, reporter)
    }

    /// The dataset's name, and how many frames it has.
    fn freeze(
        &self,
        plan: &Plan,
        parts: &str,
        order_id: &str,
        reporter: &dyn Reporter,
    ) -> Result<(String, u64), Error> {
        let order = quote(order_id);
        let options = FreezeOptions {
            sql: format!(
                "SELECT DISTINCT s.frame_id, {} AS split FROM selections s JOIN answers a ON a.frame_id = s.frame_id \
                 WHERE a.order_id = {order} AND a.refusal IS NULL AND ({parts})",
                self.split()
            ),
            classes: self.ground.classes().to_vec(),
            may_lack_classes: true,
            labelers: self.ground.labelers_by_name.clone(),
            orders: vec![order_id.to_owned()],
            min_area: self.ground.file.labels.min_area,
            ..FreezeOptions::default()
        };
        let frozen = self.ground.workspace.freeze(&plan.name, &options, reporter)?;
        let train = frozen.splits.iter().find(|split| split.name == "train");
        Ok((frozen.name, train.map_or(0, |split| split.frames)))
    }

    /// The split of a frame: chosen frames of some drives are kept to test on, where an experiment asks for that.
    fn split(&self) -> String {
        let own = &self.ground.own_drives;
        if own.is_empty() {
            return "'train'".to_owned();
        }
        format!(
            "CASE WHEN s.recording_id IN ({}) THEN '{OWN_SPLIT}' ELSE 'train' END",
            ids(own.iter().map(String::as_str))
        )
    }

    /// A model's name, and the digest of its weights.
    fn train(
        &self,
        plan: &Plan,
        before: &[Round],
        member: u32,
        dataset: &str,
        reporter: &dyn Reporter,
    ) -> Result<(String, String), Error> {
        let previous = before.last().and_then(|round| round.models.get(member as usize));
        let options = TrainOptions {
            dataset: dataset.to_owned(),
            name: Some(format!("{}-m{member}", plan.name)),
            train_split: "train".to_owned(),
            val_split: None,
            // Arms of one seed begin alike in every round.
            seed: Some(self.seed * 1000 + u64::from(plan.round) * 50 + u64::from(member)),
            start: match self.ground.file.model.start {
                Start::Previous if plan.round > 0 => previous.map(|(name, _)| name.clone()),
                _ => self.ground.past.get(member as usize).cloned(),
            },
            times: self.times_in(plan.round),
            unwatched: true,
            device: self.ground.device.clone(),
        };
        let trained = self
            .ground
            .workspace
            .train(&self.detector(plan.round).0, &options, reporter)?;
        Ok((trained.model.name, trained.model.digest))
    }

    /// Another loop of this name is not to be continued by this one.
    fn check_name(&self, name: &str, run_id: &str) -> Result<(), Error> {
        let others = self.ground.workspace.counts(&format!(
            "SELECT run_id, 1 FROM runs WHERE kind = 'round' AND name = {} AND run_id <> {}",
            quote(&run_name(name)),
            quote(run_id)
        ))?;
        if others.is_empty() {
            return Ok(());
        }
        Err(ErrorKind::LoopFile {
            path: self.ground.path.clone(),
            message: format!(
                "`{name}` was run before, with another pool, test set, detector, labelers, strategy or seed"
            ),
            hint: Some("give it another `name`, or undo the change; only when to `stop` may change".to_owned()),
        }
        .into())
    }

    fn record(&self, round: &Round, started: i64) -> Result<(), Error> {
        let workspace = self.ground.workspace;
        let params = json!({ "round": round, "strategy": self.strategy, "seed": self.seed });
        let mut operation = clock::operation("round", &workspace.settings().user, started).params(params.clone());
        operation.cost["label_price_micros"] = round.cost.labels_micros.into();
        operation.cost["compute_price_micros"] = round.cost.compute_micros.into();
        operation.cost["currency"] = self.ground.currency().code().into();
        let dataset = workspace.block_on(workspace.store().dataset(&round.dataset))?;
        operation.inputs.push(crate::dataset::dataset_node(dataset.info()));
        for (name, _) in &round.models {
            operation
                .inputs
                .push(crate::train::model_node(&workspace.model_record(name)?));
        }
        let evaluations = round
            .evaluations
            .iter()
            .map(|run| NodeRef::new(NodeKind::Run, run.clone()));
        operation.inputs.extend(evaluations);
        let mut transaction = workspace.block_on(workspace.store().begin())?;
        transaction.put_run(RunRecord {
            run_id: round.run_id.clone(),
            kind: "round".to_owned(),
            name: run_name(&round.selection),
            params,
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: i64::try_from(self.seed).ok(),
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        });
        workspace.block_on(transaction.commit(operation))?;
        Ok(())
    }
}

/// Names what the labels of a round may cost.
fn order_note(plan: &Plan) -> String {
    IdBuilder::new("run").text("order").text(&plan.run_id).finish()
}

/// The name of a round's run: what it made has the name alone.
fn run_name(name: &str) -> String {
    format!("round {name}")
}

/// The labelled part of a selection, as a condition on the table `selections s`.
fn part(selection: &str, reached: u64) -> String {
    format!("(s.selection = {} AND s.rank < {reached})", quote(selection))
}

fn labelled_parts(rounds: &[Round]) -> Vec<String> {
    rounds
        .iter()
        .map(|round| part(&round.selection, round.frames))
        .collect()
}

/// The pool without what was labelled before.
fn open(from: &str, before: &[Round]) -> String {
    format!(
        "SELECT p.frame_id FROM (\n{from}\n) p WHERE p.frame_id NOT IN (SELECT s.frame_id FROM selections s WHERE {})",
        labelled_parts(before).join(" OR ")
    )
}

/// The pool without what the labelers refused.
fn unrefused(from: &str, before: &[Round]) -> String {
    format!(
        "SELECT p.frame_id FROM (\n{from}\n) p WHERE p.frame_id NOT IN \
         (SELECT s.frame_id FROM selections s JOIN answers a ON a.frame_id = s.frame_id WHERE a.refusal IS NOT NULL AND ({}))",
        labelled_parts(before).join(" OR ")
    )
}

/// What `guideway mine` is asked for.
pub(super) fn mine_options(mined: &Mined, models: Vec<String>, from: &str, budget: usize) -> MineOptions {
    let models = if mined.score == Score::Random {
        Vec::new()
    } else {
        models
    };
    MineOptions {
        models,
        dropout: mined.dropout,
        from: from.to_owned(),
        budget,
        score: mined.score,
        aggregate: mined.aggregate,
        classes: mined.classes.clone(),
        per_class: mined.per_class,
        diversity: mined.diversity,
        gap_s: mined.gap_s,
        seed: 0,
        out: "next".to_owned(),
    }
}

/// An amount as a decimal number without its currency.
fn decimal(money: Money) -> String {
    let micros = money.micros().max(0);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

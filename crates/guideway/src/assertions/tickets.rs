//! Tickets in the workspace.

use guideway_assert::{AssertError, Ticket, Tickets};
use guideway_store::{NodeKind, NodeRef, RunRecord, pick};
use serde_json::{Value, json};

use crate::clock;
use crate::error::Error;
use crate::workspace::Workspace;

/// The kind of a ticket's record.
const TICKET: &str = "ticket";

impl Workspace {
    /// Every ticket, by id.
    pub fn tickets(&self) -> Result<Vec<Ticket>, Error> {
        let runs = self.block_on(self.store().runs())?;
        let mut tickets: Vec<Ticket> = runs
            .into_iter()
            .filter(|run| run.kind == TICKET)
            .map(|run| {
                serde_json::from_value(run.params["ticket"].clone())
                    .map_err(|err| Error::corrupt(format!("the ticket {}", run.run_id), err))
            })
            .collect::<Result<_, Error>>()?;
        tickets.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(tickets)
    }

    /// The ticket of this id; its first four or more digits will do.
    pub fn ticket(&self, id: &str) -> Result<Ticket, Error> {
        let mut runs = self.block_on(self.store().runs())?;
        runs.retain(|run| run.kind == TICKET);
        let record = pick("ticket", id, runs)?;
        serde_json::from_value(record.params["ticket"].clone())
            .map_err(|err| Error::corrupt(format!("the ticket {}", record.run_id), err))
    }

    /// Says that a ticket's cause is mended. New evidence opens it again.
    pub fn ticket_close(&self, id: &str, reason: &str) -> Result<Ticket, Error> {
        self.change_ticket(id, |tickets, id, by, now| tickets.close(id, by, reason, now))
    }

    /// Says that a ticket is no bug. New evidence is counted, and does not open it.
    pub fn ticket_dismiss(&self, id: &str, reason: &str) -> Result<Ticket, Error> {
        self.change_ticket(id, |tickets, id, by, now| tickets.dismiss(id, by, reason, now))
    }

    /// Opens a closed or dismissed ticket again.
    pub fn ticket_reopen(&self, id: &str) -> Result<Ticket, Error> {
        self.change_ticket(id, |tickets, id, _, _| tickets.reopen(id))
    }

    fn change_ticket(
        &self,
        id: &str,
        change: impl FnOnce(&mut Tickets, &str, &str, i64) -> Result<(), AssertError>,
    ) -> Result<Ticket, Error> {
        let started = clock::now_ns();
        let ticket = self.ticket(id)?;
        let mut tickets = Tickets::from_tickets([ticket.clone()]);
        change(&mut tickets, &ticket.id, &self.settings().user, started)?;
        let changed = tickets.get(&ticket.id)?.clone();
        let inputs = vec![NodeRef::new(NodeKind::Run, changed.last_run.clone())];
        self.keep_tickets(std::slice::from_ref(&changed), ("ticket", inputs, started), Vec::new())?;
        Ok(changed)
    }

    /// Writes tickets, and the runs that found them, in one transaction.
    pub(super) fn keep_tickets(
        &self,
        tickets: &[Ticket],
        (kind, inputs, started): (&str, Vec<NodeRef>, i64),
        runs: Vec<(String, Value)>,
    ) -> Result<(), Error> {
        let mut transaction = self.block_on(self.store().begin())?;
        let mut operation = clock::operation(kind, &self.settings().user, started).params(json!({
            "tickets": tickets.iter().map(|ticket| &ticket.id).collect::<Vec<_>>(),
        }));
        operation.inputs = inputs;
        let record = |run_id: String, kind: &str, name: String, params: Value, status: &str| RunRecord {
            run_id,
            kind: kind.to_owned(),
            name,
            params,
            status: status.to_owned(),
            code_version: clock::code_version(),
            seed: None,
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        };
        for ticket in tickets {
            transaction.put_run(record(
                ticket.id.clone(),
                TICKET,
                ticket.title().to_owned(),
                json!({ "ticket": ticket }),
                ticket.state.name(),
            ));
        }
        for (run_id, params) in runs {
            let name = format!(
                "{} on {}",
                params["source"].as_str().unwrap_or(""),
                params["on"].as_str().unwrap_or("")
            );
            transaction.put_run(record(run_id, kind, name, params, "done"));
        }
        self.block_on(transaction.commit(operation))?;
        Ok(())
    }
}

//! Partitions as threads that take turns with the test: a partition runs only inside `resume`.

use super::memory::MockMemory;
use ironroot_platform::{PartitionIndex, PartitionRunner, Trap};
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::vec::Vec;

/// What a partition does, from its entry point on. Returning is a fault.
pub type Script = Arc<dyn Fn(&mut PartitionContext) + Send + Sync>;

/// The partition was restarted or the test is over: unwinds its thread without a word.
struct Stopped;

enum Event {
    Trap(Trap),
    /// The script panicked: a failed assertion, which must fail the test.
    Panicked,
}

/// A partition's side: its memory and its supervisor calls.
pub struct PartitionContext {
    /// Client memory; by convention the partition uses only its own region.
    pub memory: MockMemory,
    /// Which partition this is.
    pub index: PartitionIndex,
    traps: Sender<Event>,
    results: Receiver<u32>,
}

impl PartitionContext {
    /// A supervisor call. Does not return if the partition manager ends the partition.
    pub fn svc(&mut self, number: u8, args: [u32; 4]) -> u32 {
        self.trap(Trap::Call { number, args })
    }

    /// Does what the hardware forbids.
    pub fn fault(&mut self) -> ! {
        self.trap(Trap::Fault);
        resume_unwind(Box::new(Stopped))
    }

    fn trap(&mut self, trap: Trap) -> u32 {
        let sent = self.traps.send(Event::Trap(trap));
        match sent.ok().and_then(|()| self.results.recv().ok()) {
            Some(result) => result,
            None => resume_unwind(Box::new(Stopped)),
        }
    }
}

struct Running {
    traps: Receiver<Event>,
    results: Sender<u32>,
}

/// Runs scripts as partitions.
pub struct ThreadRunner {
    memory: MockMemory,
    scripts: Vec<Script>,
    running: Vec<Option<Running>>,
    /// How often each was restarted.
    pub restarts: Vec<u32>,
    /// How many supervisor calls and faults there were.
    pub traps: u32,
    /// Turns that ended, in that order: how many turns were around it, and whether it ended well.
    pub turns: Vec<(u32, bool)>,
    depth: u32,
}

impl ThreadRunner {
    /// One script per partition, in the order of the indices.
    #[must_use]
    pub fn new(memory: MockMemory, scripts: Vec<Script>) -> Self {
        let running = scripts.iter().map(|_| None).collect();
        let restarts = std::vec![0; scripts.len()];
        Self {
            memory,
            scripts,
            running,
            restarts,
            traps: 0,
            turns: Vec::new(),
            depth: 0,
        }
    }

    fn start(&self, partition: PartitionIndex) -> Running {
        let (traps, trap_receiver) = channel();
        let (result_sender, results) = channel();
        let script = Arc::clone(&self.scripts[usize::from(partition.0)]);
        let memory = self.memory.clone();
        std::thread::spawn(move || {
            let ended = traps.clone();
            let mut context = PartitionContext {
                memory,
                index: partition,
                traps,
                results,
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| script(&mut context)));
            let panicked = outcome.is_err_and(|payload| !payload.is::<Stopped>());
            let event = if panicked {
                Event::Panicked
            } else {
                Event::Trap(Trap::Fault)
            };
            // Nobody listens if the partition was stopped from outside.
            let _ = ended.send(event);
        });
        Running {
            traps: trap_receiver,
            results: result_sender,
        }
    }
}

impl PartitionRunner for ThreadRunner {
    fn restart(&mut self, partition: PartitionIndex) {
        let index = usize::from(partition.0);
        self.running[index] = None;
        self.restarts[index] += 1;
    }

    fn resume(&mut self, partition: PartitionIndex, result: u32) -> Trap {
        let index = usize::from(partition.0);
        self.traps += 1;
        let running = match self.running[index].take() {
            Some(running) => {
                // A partition that ended by itself has sent its last event already.
                let _ = running.results.send(result);
                running
            }
            None => self.start(partition),
        };
        let event = running.traps.recv();
        self.running[index] = Some(running);
        match event {
            Ok(Event::Trap(trap)) => trap,
            Ok(Event::Panicked) => panic!("the script of partition {index} failed"),
            Err(_) => Trap::Fault,
        }
    }

    fn begin_turn(&mut self) -> u32 {
        self.depth += 1;
        self.depth - 1
    }

    fn end_turn(&mut self, outer: u32, well: bool) {
        assert_eq!(outer + 1, self.depth, "turns end in the opposite order");
        self.depth = outer;
        self.turns.push((outer, well));
    }
}

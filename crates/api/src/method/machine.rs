//! The machine as a whole: lockdown, the self-test, its network, undoing everything.

use adit_model::{Check, MachineStatus, NetworkDescription};
use serde::{Deserialize, Serialize};

messages! {
    /// Let nothing leave the machine but through a tunnel, from now on and across boots. Spec RTE-21.
    pub struct LockDown {
        /// But to the networks that it is directly connected to.
        pub allow_local_networks: bool,
    }

    /// End that.
    pub struct LiftLockdown {}

    /// What became of it.
    pub struct MachineReply {
        /// The machine as a whole.
        pub machine: MachineStatus,
    }

    /// Try out whether what is promised holds.
    pub struct SelfTest {}

    /// What came of it.
    pub struct SelfTestReply {
        /// In the order in which they were made.
        pub checks: Vec<Check>,
    }

    /// Find out what the kernel has of the network.
    pub struct DescribeNetwork {}

    /// As it is at this moment.
    pub struct NetworkReply {
        /// For people.
        pub network: NetworkDescription,
    }

    /// End all sessions and undo everything, lockdown too.
    pub struct Reset {}

    /// What was undone.
    pub struct ResetReply {
        /// A line each.
        pub undone: Vec<String>,
    }
}

//! VPN on demand: holding it off, and why it does what it does.

use adit_model::{
    ConfigurationId,
    on_demand::{NetworkState, PauseEnd, Verdict},
};
use serde::{Deserialize, Serialize};

messages! {
    /// Hold the rules of a configuration off. Spec OD-22.
    pub struct PauseOnDemand {
        /// Whose.
        pub id: ConfigurationId,
        /// When they count again.
        pub end: PauseEnd,
    }

    /// Let them count again.
    pub struct ResumeOnDemand {
        /// Whose.
        pub id: ConfigurationId,
    }

    /// Find out which network the computer is in, and what rules make of it.
    pub struct ExplainOnDemand {
        /// Whose rules, whether they count or not; absent: the network alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<ConfigurationId>,
    }

    /// As it is at this moment.
    pub struct OnDemandExplanation {
        /// What the rules are compared with.
        pub network: NetworkState,
        /// The current rule, and how it came about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub verdict: Option<Verdict>,
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Development only: what measures, kills and besieges a Matrix server from outside.
//!
//! Everything here is black box. A [`launch::Launch`] starts any server, [`http`] and [`matrix`]
//! speak to it over loopback at little cost, [`process`] says what it used. On top of them stand
//! [`load`] (figures), [`crash`] (kill and power loss, with a checker that keeps its own record)
//! and [`stress`] (full disks, idle and slow clients, hostile bodies). [`secret_times`] alone is
//! handed code to run, by the tests of the crates whose secrets it times.
//!
//! **Invariant:** nothing else here reads the server's own code or files to decide a verdict. Only
//! requests and their answers count.

pub mod crash;
pub mod http;
pub mod keys;
pub mod latency;
pub mod launch;
pub mod load;
#[cfg(feature = "lossyfs")]
pub mod lossyfs;
pub mod matrix;
pub mod process;
pub mod random;
pub mod routes;
pub mod secret_times;
pub mod stress;
pub mod synapse;
pub mod timing;

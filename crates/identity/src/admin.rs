// SPDX-License-Identifier: Apache-2.0
//! Administration on the server's own machine: what `estafette admin` asks for, over a socket in
//! the data folder, done by the running server so that nothing in its memory goes stale.
//!
//! Whoever may open the socket (the operator's own user, mode 0600, asked of the kernel again for
//! each connection) may do everything. Each act has its line in the audit log.

mod acts;
mod protocol;
mod render;
mod socket;

#[cfg(test)]
pub(crate) use self::acts::tests::run as run_for_tests;
pub use self::{
    protocol::{AdminAnswer, AdminCommand, AdminRequest, AuditView, NewUser, UserFlag},
    socket::{AdminSocket, SOCKET_NAME, SocketError, ask},
};

// SPDX-License-Identifier: Apache-2.0
//! The contract suite: what every engine promises, aggregate by aggregate.

mod account_data;
mod media;
mod push;

// SPDX-License-Identifier: Apache-2.0
//! Without these Element X would show an empty list, or lose an event between two answers.

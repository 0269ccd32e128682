// SPDX-License-Identifier: Apache-2.0
//! `estafette admin users unlink` and `unlink-all`.

use clap::Subcommand;
use estafette_identity::admin::AdminCommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Links {
    /// Forgets who somebody is at another OpenID provider and signs out the browsers that it signed
    /// in. At the next sign-in by it the account is joined anew.
    Unlink {
        user: String,
        /// The provider's id; without it all.
        #[arg(long, value_name = "ID")]
        provider: Option<String>,
    },
    /// Does so for everybody whom a provider knows, before it names its people anew. Run it again
    /// while some are left.
    UnlinkAll {
        /// The provider's id.
        #[arg(long, value_name = "ID")]
        provider: String,
        /// Only people with an address of this domain, exactly.
        #[arg(long)]
        domain: Option<String>,
        /// Says how many they are, and changes nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

impl Links {
    pub(super) fn asked(&self) -> AdminCommand {
        match self {
            Self::Unlink { user, provider } => {
                AdminCommand::UserUnlink { user: user.clone(), provider: provider.clone() }
            }
            Self::UnlinkAll { provider, domain, dry_run } => AdminCommand::UserUnlinkAll {
                provider: provider.clone(),
                domain: domain.clone(),
                dry_run: *dry_run,
            },
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Forgetting who people are at other providers: of one who was joined wrongly, or of all whom a
//! provider is about to name anew.

use estafette_core::limits::{UNLINK_AT_ONCE_MAX, UNLINK_PAGE_MAX};
use estafette_store::{UpstreamStore as _, people::AdminAct};
use serde_json::{Value, json};

use super::{Administration, Refusal};
use crate::News;

impl Administration<'_> {
    pub(super) async fn unlink(
        &self,
        user: &str,
        provider: Option<String>,
    ) -> Result<Value, Refusal> {
        let done = self.change(user, AdminAct::Unlink(provider)).await?;
        let user_id = self.account(user).await?.user_id;
        self.identity.tell_owner(&user_id, News::SubjectUnlinked, None).await;
        Ok(done)
    }

    /// Nobody is written to: it is for a provider that names everybody anew, and each is told when
    /// that happens. Of a provider with more people than are done at once, the rest is for the next
    /// time.
    pub(super) async fn unlink_all(
        &self,
        provider: &str,
        domain: Option<String>,
        dry_run: bool,
    ) -> Result<Value, Refusal> {
        let store = &self.identity.store;
        let domain = domain.map(|domain| domain.to_ascii_lowercase());
        let (mut after, mut known, mut unlinked) = (String::new(), 0, 0);
        loop {
            let page = (&*after, UNLINK_PAGE_MAX);
            let links = store.upstream_links_after(provider, domain.as_deref(), page.0, page.1);
            let links = links.await?;
            let Some(last) = links.last() else { break };
            after.clone_from(&last.subject);
            known += links.len() as u64;
            if !dry_run && unlinked < UNLINK_AT_ONCE_MAX {
                let users = links.into_iter().map(|link| link.user_id).collect();
                unlinked += store.unlink_upstream(self.entry(), provider, users).await?;
            }
        }
        if !dry_run {
            let told = json!({ "provider": provider, "domain": domain, "unlinked": unlinked,
                "left": known - unlinked });
            let act = AdminAct::Note("provider.unlink_all".into(), told.to_string());
            self.administer(None, act).await?;
        }
        Ok(json!({ "unlinked": unlinked, "left": known - unlinked }))
    }
}

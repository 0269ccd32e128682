// SPDX-License-Identifier: Apache-2.0
//! Just enough of a browser to fill in the server's own pages: one cookie, forms, no scripts.

use anyhow::{Context, Result, bail};
use matrix_sdk::reqwest::{Client, Response, Url, header, redirect::Policy};

use crate::{PASSWORD, server_url};

/// A browser with the page that it shows.
pub struct Browser {
    http: Client,
    cookie: Option<String>,
    page: String,
}

impl Browser {
    /// A browser without cookies.
    pub fn new() -> Result<Self> {
        let http = Client::builder().redirect(Policy::none()).build()?;
        Ok(Self { http, cookie: None, page: String::new() })
    }

    /// Opens a URL, or a path of the server, and follows it as long as it leads around the server.
    /// Answers the place elsewhere that it leads to, if it does.
    pub async fn open(&mut self, url: &str) -> Result<Option<String>> {
        let request = self.http.get(absolute(url)?);
        let mut response = self.send(request).await?;
        loop {
            let Some(location) = location(&response) else {
                let status = response.status();
                self.page = response.text().await?;
                if !status.is_success() {
                    bail!("{status}: {}", self.page);
                }
                return Ok(None);
            };
            if !location.starts_with('/') {
                return Ok(Some(location));
            }
            let request = self.http.get(absolute(&location)?);
            response = self.send(request).await?;
        }
    }

    /// Sends the form of the page that posts to `action`, with these fields besides its hidden
    /// ones.
    pub async fn submit(
        &mut self,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Result<Option<String>> {
        let form =
            self.page.split("<form ").skip(1).find(|form| attribute(form, "action") == action);
        let form = form.with_context(|| format!("no form for {action} in {}", self.page))?;
        let form = form.split("</form>").next().unwrap_or_default();
        let hidden =
            form.split("<input ").skip(1).filter(|input| attribute(input, "type") == "hidden");
        let mut all: Vec<(String, String)> =
            hidden.map(|input| (attribute(input, "name"), attribute(input, "value"))).collect();
        for (name, value) in fields {
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
        let kind = "application/x-www-form-urlencoded";
        let request = self.http.post(absolute(action)?).header(header::CONTENT_TYPE, kind);
        let request = request.body(encoded(&all)?);
        let response = self.send(request).await?;
        if let Some(location) = location(&response) {
            if location.starts_with('/') {
                return Box::pin(self.open(&location)).await;
            }
            return Ok(Some(location));
        }
        self.page = response.text().await?;
        Ok(None)
    }

    /// Signs somebody in whose page asks for it, and consents.
    pub async fn sign_in_and_consent(&mut self, name: &str, url: &str) -> Result<String> {
        self.open(url).await?;
        if self.shows("name=\"password\"") {
            self.submit("/_estafette/sign-in", &[("who", name), ("password", PASSWORD)]).await?;
        }
        let back = self.submit("/_estafette/consent", &[("decision", "allow")]).await?;
        back.context("the consent page leads nowhere")
    }

    /// Whether the page has this text.
    pub fn shows(&self, text: &str) -> bool {
        self.page.contains(text)
    }

    async fn send(&mut self, mut request: matrix_sdk::reqwest::RequestBuilder) -> Result<Response> {
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let response = request.send().await?;
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            self.cookie = cookie.to_str()?.split(';').next().map(str::to_owned);
        }
        Ok(response)
    }
}

/// Fields as browsers post them: the encoding of a query.
fn encoded(fields: &[(String, String)]) -> Result<String> {
    let mut url = Url::parse("http://form")?;
    url.query_pairs_mut().extend_pairs(fields);
    Ok(url.query().unwrap_or_default().to_owned())
}

fn absolute(url: &str) -> Result<String> {
    Ok(if url.starts_with('/') { format!("{}{url}", server_url()?) } else { url.to_owned() })
}

fn location(response: &Response) -> Option<String> {
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    Some(location.to_owned())
}

fn attribute(tag: &str, name: &str) -> String {
    let tag = tag.split('>').next().unwrap_or_default();
    let value = tag.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
    let value = value.unwrap_or_default();
    value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

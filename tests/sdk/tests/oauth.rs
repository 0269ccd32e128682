// SPDX-License-Identifier: Apache-2.0
//! Signing in by the OAuth 2.0 API, through an unmodified matrix-sdk and the server's own pages.
#![recursion_limit = "512"]

use anyhow::{Context, Result, bail};
use estafette_sdk_tests::{browser::Browser, client, new_name, register, server_url};
use futures_util::{Stream, StreamExt as _};
use matrix_sdk::{
    Client, SessionTokens,
    authentication::oauth::{
        ClientRegistrationData,
        qrcode::{GeneratedQrProgress, GrantLoginProgress, LoginProgress, QrCodeData, QrProgress},
        registration::{ApplicationType, ClientMetadata, Localized, OAuthGrantType},
    },
    encryption::CrossSigningResetAuthType,
    reqwest::{Url, header},
    ruma::{api::client::uiaa, serde::Raw},
};
use tokio::sync::oneshot;

const CALLBACK: &str = "http://127.0.0.1/callback";

fn registration() -> Result<ClientRegistrationData> {
    let redirect_uris = vec![Url::parse(CALLBACK)?];
    let mut metadata = ClientMetadata::new(
        ApplicationType::Native,
        vec![OAuthGrantType::AuthorizationCode { redirect_uris }, OAuthGrantType::DeviceCode],
        Localized::new(Url::parse("https://client.example.fr/")?, []),
    );
    metadata.client_name = Some(Localized::new("A test".to_owned(), []));
    Ok(Raw::new(&metadata)?.into())
}

/// Signs somebody in on a port that was not registered, as an app would listen on.
async fn sign_in(client: &Client, browser: &mut Browser, name: &str) -> Result<()> {
    let redirect_uri = Url::parse("http://127.0.0.1:49152/callback")?;
    let begun = client.oauth().login(redirect_uri, None, Some(registration()?), None);
    let url = begun.build().await?.url;
    let back = browser.sign_in_and_consent(name, url.as_str()).await?;
    client.oauth().finish_login(Url::parse(&back)?.into()).await?;
    Ok(())
}

fn tokens(client: &Client) -> Result<SessionTokens> {
    client.session_tokens().context("no tokens")
}

/// Otherwise Element X cannot sign in, stay signed in, or sign out.
#[tokio::test]
async fn somebody_signs_in_stays_in_and_signs_out() -> Result<()> {
    let (name, folder) = (new_name("alice"), tempfile::tempdir()?);
    register(&name, folder.path()).await?;
    let client = client(folder.path()).await?;
    let mut browser = Browser::new()?;
    sign_in(&client, &mut browser, &name).await?;
    assert_eq!(client.user_id().context("nobody is in")?.localpart(), name);
    assert_eq!(client.whoami().await?.device_id.as_deref(), client.device_id());
    let first = tokens(&client)?;
    client.oauth().refresh_access_token().await?;
    assert_ne!(tokens(&client)?.access_token, first.access_token);
    client.whoami().await?;
    // The client revokes over https alone, which servers in tests do not speak: we do it for it.
    let (server, http) = (server_url()?, matrix_sdk::reqwest::Client::new());
    let last = tokens(&client)?;
    let kind = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let revoke = http.post(format!("{server}/oauth2/revoke")).header(kind.0, kind.1);
    let revoked = revoke.body(format!("token={}", last.access_token)).send().await?;
    assert!(revoked.status().is_success(), "{}", revoked.status());
    let whoami = format!("{server}/_matrix/client/v3/account/whoami");
    for token in [first.access_token, last.access_token] {
        let status = http.get(&whoami).bearer_auth(token).send().await?.status();
        assert_eq!(status.as_u16(), 401);
    }
    Ok(())
}

/// Otherwise somebody who lost all keys cannot start anew, or a thief can.
#[tokio::test]
async fn cross_signing_is_reset_with_the_owners_leave() -> Result<()> {
    let (name, folder) = (new_name("bob"), tempfile::tempdir()?);
    register(&name, folder.path()).await?;
    let client = client(folder.path()).await?;
    let mut browser = Browser::new()?;
    sign_in(&client, &mut browser, &name).await?;
    // The client makes its keys by itself: a second set made beside it would want leave.
    client.encryption().wait_for_e2ee_initialization_tasks().await;
    let handle = client.encryption().reset_cross_signing().await?;
    let handle = handle.context("the keys were replaced without leave")?;
    let CrossSigningResetAuthType::OAuth(asked) = handle.auth_type() else {
        bail!("no page to give leave on: {:?}", handle.auth_type());
    };
    browser.open(asked.approval_url.as_str()).await?;
    browser.submit("/_estafette/account/cross-signing-reset", &[]).await?;
    let mut oauth = uiaa::OAuth::new();
    oauth.session.clone_from(&asked.session);
    handle.auth(Some(uiaa::AuthData::OAuth(oauth))).await?;
    let status = client.encryption().cross_signing_status().await.context("no status")?;
    assert!(status.is_complete());
    Ok(())
}

/// Otherwise nobody signs in a second device by showing it a QR code (MSC4108).
#[tokio::test]
async fn a_second_device_is_signed_in_with_a_qr_code() -> Result<()> {
    let (name, folders) = (new_name("carol"), [tempfile::tempdir()?, tempfile::tempdir()?]);
    register(&name, folders[0].path()).await?;
    let [known, new] = [client(folders[0].path()).await?, client(folders[1].path()).await?];
    let mut browser = Browser::new()?;
    sign_in(&known, &mut browser, &name).await?;
    // The client makes its keys by itself at the first log-in: a second set made beside it would
    // replace the first on the server alone.
    known.encryption().wait_for_e2ee_initialization_tasks().await;
    let status = known.encryption().cross_signing_status().await.context("no status")?;
    assert!(status.is_complete(), "the known device has its keys: {status:?}");
    let (known_oauth, new_oauth, registered) = (known.oauth(), new.oauth(), registration()?);
    let (shown, scanned) = oneshot::channel();
    let (told, typed) = oneshot::channel();
    let grant = known_oauth.grant_login_with_qr_code().generate();
    let granting = watch_the_known(grant.subscribe_to_progress(), browser, shown, typed);
    let log_in = async {
        let data: QrCodeData = scanned.await?;
        let login = new_oauth.login_with_qr_code(Some(&registered)).scan(&data);
        let mut progress = login.subscribe_to_progress();
        let watch = async {
            let mut told = Some(told);
            while let Some(state) = progress.next().await {
                if let LoginProgress::EstablishingSecureChannel(QrProgress { check_code }) = state
                    && let Some(told) = told.take()
                {
                    let _ = told.send(check_code.to_digit());
                }
            }
        };
        let login = async { anyhow::Ok(login.await?) };
        tokio::select! {
            outcome = login => outcome,
            () = watch => bail!("the progress ended first"),
        }
    };
    let grant = async { anyhow::Ok(grant.await?) };
    tokio::try_join!(grant, granting, log_in)?;
    assert_eq!(new.user_id(), known.user_id());
    assert_ne!(new.device_id(), known.device_id());
    let status = new.encryption().cross_signing_status().await.context("no status")?;
    assert!(status.is_complete(), "the secrets came along: {status:?}");
    Ok(())
}

/// What the person with the known device does: shows the code, types the digits, allows.
async fn watch_the_known(
    progress: impl Stream<Item = GrantLoginProgress<GeneratedQrProgress>>,
    mut browser: Browser,
    shown: oneshot::Sender<QrCodeData>,
    typed: oneshot::Receiver<u8>,
) -> Result<()> {
    let mut progress = std::pin::pin!(progress);
    let (mut shown, mut typed) = (Some(shown), Some(typed));
    while let Some(state) = progress.next().await {
        match state {
            GrantLoginProgress::EstablishingSecureChannel(GeneratedQrProgress::QrReady(data)) => {
                if let Some(shown) = shown.take() {
                    let _ = shown.send(data);
                }
            }
            GrantLoginProgress::EstablishingSecureChannel(GeneratedQrProgress::QrScanned(
                digits,
            )) => {
                if let Some(typed) = typed.take() {
                    digits.send(typed.await?).await?;
                }
            }
            GrantLoginProgress::WaitingForAuth { verification_uri } => {
                let code = verification_uri.query_pairs().find(|(name, _)| name == "user_code");
                let code = code.context("no user code")?.1.into_owned();
                browser.open(verification_uri.as_str()).await?;
                browser.submit("/_estafette/device", &[("user_code", &code)]).await?;
                browser.submit("/_estafette/device", &[("decision", "allow")]).await?;
            }
            GrantLoginProgress::Done => break,
            _ => {}
        }
    }
    Ok(())
}

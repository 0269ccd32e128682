// SPDX-License-Identifier: Apache-2.0
//! `estafette config explain`: every option, what it is for, and its default.

use super::Config;

/// Each option and what it decides, in the order of the file.
const OPTIONS: &[(&str, &str)] = &[
    ("server_name", "The name in user ids and room aliases. Never changes once accounts exist."),
    ("data_dir", "Where everything durable is kept."),
    ("public_base_url", "The URL by which clients reach this server. Empty: from `Host`."),
    ("default_room_version", "The room version of new rooms."),
    ("log", "What is logged: a level, or a filter such as `info,estafette_homeserver=debug`."),
    ("core_dumps", "Whether the system may keep this process's memory, with its keys, at a crash."),
    ("listener.address", "Address and port to listen on."),
    ("listener.tls_certificate", "TLS certificate chain (PEM). Empty: plain HTTP."),
    ("listener.tls_key", "TLS private key (PEM)."),
    ("listener.behind_proxy", "Whether `X-Forwarded-For` of a proxy is believed."),
    ("listener.connections_max", "Connections at once; further ones wait in the kernel."),
    ("registration.open", "Whether anybody may create an account (`m.login.dummy`)."),
    ("registration.token", "Whoever knows this word may create an account. Empty: off."),
    ("registration.shared_secret", "Tools with this secret may create accounts. Empty: off."),
    ("login.password", "Whether passwords are accepted."),
    ("login.access_token_lifetime_s", "Life of an access token that has a refresh token, s."),
    ("login.password_length_min", "Characters that a new password must have."),
    (
        "login.token_in_query",
        "Whether access tokens are also accepted in the query (before v1.20).",
    ),
    ("rate_limits.enabled", "One switch for all rate limits. Off only in tests."),
    ("rate_limits.messages_per_s", "Events that one account may send per second on average."),
    ("rate_limits.messages_burst", "Events that one account may send at once."),
    ("rate_limits.guesses_per_minute", "Passwords tried at one account in any minute; 10 or more."),
    ("rate_limits.login_per_s", "Tries of invitations, codes of devices and the like, per second."),
    ("rate_limits.login_burst", "Such tries at once."),
    ("rate_limits.codes_per_s", "Codes sent by mail per second at the request of one source."),
    ("rate_limits.codes_burst", "Such codes at once. Whole organisations may share a source."),
    (
        "rate_limits.wrong_codes_per_hour",
        "Wrong codes from one network; ten times as many at ours.",
    ),
    ("rate_limits.source_per_s", "Tries to log in, register and the like per second and source."),
    ("rate_limits.source_burst", "Such tries at once. Whole organisations may share a source."),
    ("rate_limits.writes_per_s", "Other changing requests per second and account."),
    ("rate_limits.writes_burst", "Other changing requests at once."),
    ("storage.synchronous", "`full`: flushed before each answer. `off` loses data (control runs)."),
    ("storage.cache_kib", "Memory for database pages, KiB."),
    ("storage.readers", "Connections for reading."),
    ("media.upload_bytes_max", "The largest upload, bytes."),
    ("media.account_bytes_max", "All uploads of one account together, bytes; 0: no bound."),
    ("media.unauthenticated", "Whether the old endpoints without authentication serve media."),
    ("media.unused_expires_s", "How long a reserved media id waits for its upload, s."),
    ("presence.enabled", "Whether presence is kept and shown."),
    ("outbound.allowed_networks", "Private networks (CIDR) that outbound requests may reach."),
    ("outbound.extra_ca", "Further trusted certificate authorities (PEM file)."),
    ("appservices.registrations", "Registration files of application services."),
    ("web.enabled", "Whether the web client is served at `/`."),
    ("web.folder", "A folder to serve instead of the embedded client."),
    ("user_directory.search_all_users", "Whether everybody on this server can be found."),
    ("user_directory.public_profiles", "Whether profiles can be read without an account."),
    ("user_directory.searches_per_day", "Searches per account and day, of ten people each."),
    (
        "rooms.access_rules",
        "Whether rooms have kinds: private ones are encrypted, guests are let in room by room.",
    ),
    ("server_notices.localpart", "Localpart of the user who announces; empty: none does."),
    ("server_notices.display_name", "Display name of that user, when it is made."),
    ("server_notices.room_name", "Name of the rooms in which something is announced."),
    ("server_notices.auto_join", "Whether users are joined to them rather than invited."),
    ("calls.turn_uris", "TURN servers (`turn:`, `turns:` URIs) for one-to-one calls."),
    ("calls.turn_shared_secret", "The secret shared with them: credentials for each user."),
    ("calls.turn_username", "One name for everybody, where they know no shared secret."),
    ("calls.turn_password", "The password that goes with it."),
    ("calls.turn_lifetime_s", "How long credentials live, s."),
    (
        "calls.rtc_transports",
        "Ways to carry group calls, such as \
         { type = \"livekit\", livekit_service_url = \"https://rtc.example.org\" }.",
    ),
    ("delayed_events.delay_max_s", "The longest delay of a delayed event, s; 0: none."),
    ("well_known.support_page", "A page that helps the users of this server."),
    (
        "well_known.support_contacts",
        "Whom to ask, such as { role = \"m.role.admin\", email_address = \"admin@example.org\" }.",
    ),
    ("well_known.policy_server_ed25519", "Public key of the policy server of this name."),
];

/// The whole table as text: a TOML file with every option at its default, each explained.
/// `sections` are those that others own: the name, the defaults, and what each option decides.
pub fn explain(sections: &[(&str, toml::Table, &[(&str, &str)])]) -> String {
    let mut text = String::from(
        "# Every option of Estafette with its default.\n\
         # In the environment: ESTAFETTE__SECTION__KEY, which wins over the file.\n",
    );
    let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    write_options(&mut text, "", &defaults, OPTIONS);
    for (name, defaults, options) in sections {
        write_options(&mut text, name, defaults, options);
    }
    text
}

fn write_options(text: &mut String, root: &str, defaults: &toml::Table, options: &[(&str, &str)]) {
    let defaults = toml::Value::Table(defaults.clone());
    let mut section = String::new();
    for (path, purpose) in options {
        let (below, key) = path.rsplit_once('.').unwrap_or(("", path));
        let dot = if root.is_empty() || below.is_empty() { "" } else { "." };
        let in_section = format!("{root}{dot}{below}");
        if in_section != section {
            text.push_str(&format!("\n[{in_section}]\n"));
            section = in_section;
        }
        let value = path.split('.').try_fold(&defaults, |value, part| value.get(part));
        let value = value.map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("# {purpose}\n{key} = {value}\n"));
    }
}

#[cfg(test)]
pub(super) fn option_paths() -> Vec<&'static str> {
    OPTIONS.iter().map(|(path, _)| *path).collect()
}

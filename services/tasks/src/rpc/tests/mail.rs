//! Channels by mail: to the owner's address and nowhere else, under one id, tried again or given up as the server says.

use mc_chassis::config::Secret;
use mc_proto::tasks::v1::{self as proto, ChannelFormat, DeliveryState};
use time::Duration;

use super::post_office::PostOffice;
use super::*;
use crate::notify::{MailSettings, Mailer, Notifier, SmtpTls};

/// By mail, to whoever makes it.
pub(super) fn by_mail(user: Uuid) -> proto::Channel {
    proto::Channel {
        display_name: "Me".into(),
        format: ChannelFormat::Mail as i32,
        owner: format!("users/{user}"),
        ..proto::Channel::default()
    }
}

impl Service {
    /// As a scheduler that sends mail so.
    pub(super) fn mailing(&self, mailer: Option<Mailer>) -> Notifier {
        Notifier { mailer, ..self.notifier.clone() }
    }
}

#[tokio::test]
async fn mail_reaches_the_owner_at_the_address_of_their_account_with_a_link_and_no_content() {
    let (service, office) = (Service::new().await, PostOffice::new().await);
    let made = service.open_as(Role::Viewer, by_mail(USER)).await.expect("a viewer may");
    let channel = made.channel.expect("a channel");
    assert_eq!((channel.owner, channel.url.as_str()), (format!("users/{USER}"), ""));
    assert!(made.secret.is_empty() && service.safe.kept().is_empty(), "nothing of it is secret");
    let lease = service.leased().await;
    service.fail(&lease, "STUCK_LOOP").await;
    let notifier = service.mailing(office.mailer());
    notifier.round().await;

    let [letter] = &office.came()[..] else { panic!("one mail") };
    assert_eq!(
        (letter.from.as_str(), &letter.to[..]),
        ("mc@mc.example.com", &["ada@example.com".to_owned()][..])
    );
    assert_eq!(letter.header("Subject"), "Writer failed: Write the report");
    assert_eq!(letter.header("To"), "ada@example.com");
    assert!(letter.header("From").contains("<mc@mc.example.com>"));
    assert_eq!(letter.header("Auto-Submitted"), "auto-generated");
    assert!(letter.header("Content-Type").starts_with("multipart/alternative"));
    let (words, link) = (letter.words(), format!("https://mc.example.com/runs/{}", lease.run));
    assert!(words.contains("text/plain") && words.contains(&format!("\r\n{link}\r\n")), "{words}");
    assert!(words.contains(&format!("<a href=\"{link}\">Open in Mission Control</a>")), "{words}");
    assert!(!words.contains("fell over"), "no content unless it was asked for");

    let [delivered] = &service.deliveries(DeliveryState::Delivered).await[..] else { panic!("one delivery") };
    assert_eq!((delivered.attempts, delivered.status_code), (1, 250));
    let id = delivered.name.rsplit('/').next().expect("an id").replace('-', "");
    assert_eq!(letter.header("Message-ID"), format!("<msg_{id}@mc.example.com>"));
    let asked = service.leave.asked.lock().expect("unharmed")[0].clone();
    assert_eq!((asked.user, asked.permissions), (format!("users/{USER}"), vec!["tasks.run.read".to_owned()]));
    service.clock.advance(Duration::days(3));
    notifier.round().await;
    assert!(office.came().is_empty(), "it is sent once");
}

#[tokio::test]
async fn what_the_server_does_not_take_now_comes_again_under_the_same_id_and_what_it_never_takes_does_not() {
    let (service, office) = (Service::new().await, PostOffice::new().await);
    service.open_as(Role::Viewer, by_mail(USER)).await.expect("made");
    let notifier = service.mailing(office.mailer());
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    office.answers("TO", "450 4.2.1 later, s3cret");
    notifier.round().await;
    let [pending] = &service.deliveries(DeliveryState::Pending).await[..] else { panic!("it is pending") };
    assert_eq!((pending.attempts, pending.status_code), (1, 450));
    assert!(pending.error.contains("(450)") && !pending.error.contains("s3cret"), "{}", pending.error);
    // The server has it, but nobody hears so.
    office.answers("TAKEN", "");
    service.clock.advance(Duration::seconds(10));
    notifier.round().await;
    service.clock.advance(Duration::minutes(10));
    notifier.round().await;
    let came = office.came();
    assert_eq!(came.len(), 2);
    assert_eq!(came[0].header("Message-ID"), came[1].header("Message-ID"), "a reader shows it once");
    let [delivered] = &service.deliveries(DeliveryState::Delivered).await[..] else { panic!("delivered") };
    assert_eq!(delivered.attempts, 3);

    for _ in 0..2 {
        service.fail(&service.leased().await, "STUCK_LOOP").await;
    }
    office.answers("TO", "550 5.1.1 no such user here");
    notifier.round().await;
    let [dead] = &service.deliveries(DeliveryState::Dead).await[..] else { panic!("one is dead") };
    assert_eq!((dead.attempts, dead.status_code, dead.next_attempt_time), (1, 550, None));
    assert_eq!(office.came().len(), 1, "the other is sent all the same");
    service.replay(&dead.name).await;
    notifier.round().await;
    assert_eq!(office.came().len(), 1, "people can insist");
}

#[tokio::test]
async fn server_that_does_not_let_us_in_is_tried_again_for_the_operator_to_mend() {
    let (service, office) = (Service::new().await, PostOffice::offering("AUTH PLAIN").await);
    service.open_as(Role::Operator, by_mail(USER)).await.expect("made");
    let settings = MailSettings {
        smtp_user: Some("mc".into()),
        smtp_password: Some("s3cret".parse().expect("a password")),
        ..office.settings()
    };
    let notifier = service.mailing(settings.mailer().expect("on this machine"));
    office.answers("AUTH", "535 no");
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    notifier.round().await;
    let pending = service.deliveries(DeliveryState::Pending).await;
    assert_eq!(pending[0].status_code, 535);
    assert!(pending[0].error.contains("does not let us in"), "{}", pending[0].error);
    service.clock.advance(Duration::seconds(10));
    notifier.round().await;
    assert_eq!(office.came().len(), 1);
}

#[tokio::test]
async fn password_is_said_to_no_server_that_does_not_encrypt() {
    for offers in ["AUTH PLAIN", "STARTTLS"] {
        let (service, office) = (Service::new().await, PostOffice::offering(offers).await);
        service.open_as(Role::Operator, by_mail(USER)).await.expect("made");
        let settings = MailSettings {
            smtp_tls: SmtpTls::Starttls,
            smtp_user: Some("mc".into()),
            smtp_password: Some(Secret::new("s3cret".parse().expect("a password"))),
            ..office.settings()
        };
        service.fail(&service.leased().await, "STUCK_LOOP").await;
        service.mailing(settings.mailer().expect("settings that work")).round().await;
        let pending = service.deliveries(DeliveryState::Pending).await;
        assert_eq!((pending[0].attempts, pending[0].status_code), (1, 0), "{}", pending[0].error);
        let said = office.said();
        let told = said.iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL"));
        assert!(!told && office.came().is_empty(), "{said:?}");
    }
}

#[tokio::test]
async fn server_whose_certificate_is_trusted_gets_mail_encrypted_and_no_other() {
    for (tls, at_once) in [(SmtpTls::Starttls, false), (SmtpTls::Implicit, true)] {
        let (service, office) = (Service::new().await, PostOffice::encrypting(at_once).await);
        service.open_as(Role::Operator, by_mail(USER)).await.expect("made");
        service.fail(&service.leased().await, "STUCK_LOOP").await;
        let settings = MailSettings { smtp_tls: tls, ..office.settings() };
        service.mailing(settings.mailer().expect("settings that work")).round().await;
        assert!(office.came().is_empty(), "nobody vouches for it");
        let pending = service.deliveries(DeliveryState::Pending).await;
        assert_eq!((pending[0].attempts, pending[0].status_code), (1, 0), "{}", pending[0].error);

        let certificate = office.certificate();
        let trusting = MailSettings { smtp_ca_file: Some(certificate.path().into()), ..settings.clone() };
        service.clock.advance(Duration::seconds(10));
        service.mailing(trusting.mailer().expect("settings that work")).round().await;
        let pending = service.deliveries(DeliveryState::Pending).await;
        assert_eq!(office.came().len(), 1, "{tls:?}: {pending:?}");
        let said = office.said();
        let at = |what: &str| said.iter().rposition(|line| line.starts_with(what));
        assert!(at("(encrypted)").is_some() && at("(encrypted)") < at("MAIL"), "{said:?}");
        // It is for this machine, whatever it is called.
        let renamed = MailSettings { smtp_host: Some("localhost".into()), ..trusting };
        service.fail(&service.leased().await, "STUCK_LOOP").await;
        service.mailing(renamed.mailer().expect("settings that work")).round().await;
        assert!(office.came().is_empty(), "the certificate is of another name");
    }
}

#[tokio::test]
async fn where_no_server_is_set_no_channel_is_made_and_one_that_was_waits() {
    let bare = Service::furnished(false).await;
    let refused = bare.open_as(Role::Operator, by_mail(USER)).await.expect_err("no server");
    assert_eq!(refused.reason(), "MAIL_NOT_CONFIGURED");
    assert!(refused.message().contains("MC_SMTP_HOST"), "{refused}");
    let service = Service::new().await;
    service.open_as(Role::Operator, by_mail(USER)).await.expect("made");
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    service.notifier.round().await;
    let pending = service.deliveries(DeliveryState::Pending).await;
    assert!(pending[0].error.contains("MC_SMTP_HOST"), "{}", pending[0].error);
}

#[tokio::test]
async fn nobody_is_told_anything_who_is_no_member_any_more() {
    let (service, office) = (Service::new().await, PostOffice::new().await);
    let made = service.open_as(Role::Operator, by_mail(USER)).await.expect("made");
    let name = made.channel.expect("a channel").name;
    let notifier = service.mailing(office.mailer());
    service.leave.away.store(true, Ordering::Relaxed);
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    notifier.round().await;
    let pending = service.deliveries(DeliveryState::Pending).await;
    assert!(pending[0].error.contains("whether its owner is a member"), "{}", pending[0].error);
    service.leave.away.store(false, Ordering::Relaxed);

    service.leave.refused.store(true, Ordering::Relaxed);
    service.clock.advance(Duration::seconds(10));
    notifier.round().await;
    let channel = service.channel(&name).await.expect("there");
    assert_eq!((channel.disabled, channel.disable_reason.as_str()), (true, "NOT_A_MEMBER"));
    assert_eq!(service.deliveries(DeliveryState::Skipped).await.len(), 1);
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    service.clock.advance(Duration::hours(1));
    notifier.round().await;
    assert!(office.came().is_empty() && office.said().is_empty(), "not a word");

    // Who comes back turns it on again.
    service.leave.refused.store(false, Ordering::Relaxed);
    let on = proto::Channel { disabled: false, etag: String::new(), ..channel };
    service.alter(on, &["disabled"]).await.expect("enabled");
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    service.clock.advance(Duration::hours(1));
    notifier.round().await;
    assert_eq!(office.came().len(), 1);
}

#[tokio::test]
async fn address_that_is_more_than_an_address_gets_nothing() {
    for evil in
        ["ada@example.com>\r\nRCPT TO:<eve@example.com", "ada@example.com, eve@example.com", "ada", ""]
    {
        let (service, office) = (Service::new().await, PostOffice::new().await);
        service.open_as(Role::Operator, by_mail(USER)).await.expect("made");
        *service.leave.email.lock().expect("unharmed") = evil.to_owned();
        service.fail(&service.leased().await, "STUCK_LOOP").await;
        service.mailing(office.mailer()).round().await;
        let [dead] = &service.deliveries(DeliveryState::Dead).await[..] else { panic!("{evil:?}") };
        assert!(dead.error.contains("address") && !dead.error.contains("eve"), "{}", dead.error);
        assert!(office.said().is_empty(), "{evil:?}");
    }
}

//! What health and reflection say.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};

/// Whether a service can do its work. Clones are the same readiness.
#[derive(Debug, Clone)]
pub struct Readiness(watch::Sender<bool>);

impl Readiness {
    /// Begins as told.
    pub fn new(ready: bool) -> Self {
        Self(watch::Sender::new(ready))
    }

    /// Health says SERVING if true, NOT_SERVING if false. Calls are taken either way.
    pub fn set(&self, ready: bool) {
        self.0.send_replace(ready);
    }

    /// Follows a database for as long as the program runs: ready while it answers, looked at every second.
    pub fn follow(&self, database: crate::db::Database, lifecycle: &crate::Lifecycle) {
        let readiness = self.clone();
        lifecycle.spawn_background("readiness", async move {
            loop {
                let answer = database.ping().await;
                if answer.is_ok() != readiness.is_ready() {
                    match &answer {
                        Ok(()) => tracing::info!("the database answers: ready"),
                        Err(error) => tracing::warn!(%error, "the database does not answer: not ready"),
                    }
                    readiness.set(answer.is_ok());
                }
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        });
    }

    /// Returns once it is as asked.
    pub async fn reaches(&self, ready: bool) {
        // The sender lives in `self`.
        let _ = self.0.subscribe().wait_for(|now| *now == ready).await;
    }

    /// What was set last.
    pub fn is_ready(&self) -> bool {
        *self.0.borrow()
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new(true)
    }
}

/// The health of a server, overall (``) and for each of its gRPC services.
pub(super) struct Health {
    reporter: HealthReporter,
    names: Vec<String>,
    readiness: Readiness,
}

impl Health {
    pub(super) fn new(service: &str, readiness: Readiness) -> Self {
        let package = format!("missioncontrol.{service}.v1");
        let names = mc_proto::descriptors()
            .services()
            .filter(|service| service.package_name() == package)
            .map(|service| service.full_name().to_owned())
            .chain([String::new()])
            .collect();
        Self { reporter: HealthReporter::new(), names, readiness }
    }

    /// Adds health and reflection to the service's own routes.
    pub(super) fn add_to(&self, routes: Routes) -> Routes {
        let health = HealthService::from_health_reporter(self.reporter.clone());
        let reflection = || {
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(mc_proto::DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .with_service_name("grpc.health.v1.Health");
            self.names
                .iter()
                .filter(|name| !name.is_empty())
                .fold(builder, |builder, name| builder.with_service_name(name.as_str()))
        };
        let routes = routes.add_service(tonic_health::pb::health_server::HealthServer::new(health));
        match (reflection().build_v1(), reflection().build_v1alpha()) {
            (Ok(v1), Ok(v1alpha)) => routes.add_service(v1).add_service(v1alpha),
            (Err(error), _) | (_, Err(error)) => {
                // The descriptors are built in, and a test builds them; a service is of use without reflection.
                tracing::error!(%error, "reflection is off");
                routes
            }
        }
    }

    /// Follows the readiness until the token is cancelled, then says NOT_SERVING.
    pub(super) async fn serve_until(&self, draining: &CancellationToken) {
        let mut ready = self.readiness.0.subscribe();
        loop {
            let status =
                if *ready.borrow_and_update() { ServingStatus::Serving } else { ServingStatus::NotServing };
            self.say(status).await;
            tokio::select! {
                () = draining.cancelled() => break,
                // The sender lives in `self`.
                _ = ready.changed() => {}
            }
        }
        self.say(ServingStatus::NotServing).await;
    }

    async fn say(&self, status: ServingStatus) {
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }
}

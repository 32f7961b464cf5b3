//! Spans and metrics on their way to a collector, over OTLP.

use std::sync::{Arc, Mutex};

use mc_chassis::config::{ClientSettings, ServerSettings, TelemetrySettings};
use mc_chassis::{Lifecycle, telemetry};
use opentelemetry_proto::tonic::collector::metrics::v1 as metrics;
use opentelemetry_proto::tonic::collector::trace::v1 as trace;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::support::{Replica, get, unary};

#[derive(Debug, Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<Vec<String>>>,
}

#[tonic::async_trait]
impl trace::trace_service_server::TraceService for Collector {
    async fn export(
        &self,
        request: Request<trace::ExportTraceServiceRequest>,
    ) -> Result<Response<trace::ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let spans = resources.flat_map(|it| it.scope_spans).flat_map(|it| it.spans);
        self.spans.lock().expect("lock").extend(spans);
        Ok(Response::new(trace::ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl metrics::metrics_service_server::MetricsService for Collector {
    async fn export(
        &self,
        request: Request<metrics::ExportMetricsServiceRequest>,
    ) -> Result<Response<metrics::ExportMetricsServiceResponse>, Status> {
        let resources = request.into_inner().resource_metrics.into_iter();
        let names = resources.flat_map(|it| it.scope_metrics).flat_map(|it| it.metrics).map(|it| it.name);
        self.metrics.lock().expect("lock").extend(names);
        Ok(Response::new(metrics::ExportMetricsServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn call_is_exported_with_its_trace_when_the_process_ends() {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let endpoint = format!("http://{}", listener.local_addr().expect("address"));
    let serve = tonic::transport::Server::builder()
        .add_service(trace::trace_service_server::TraceServiceServer::new(collector.clone()))
        .add_service(metrics::metrics_service_server::MetricsServiceServer::new(collector.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let lifecycle = Lifecycle::new();
    lifecycle.spawn_background("collector", serve);

    let settings = TelemetrySettings { otlp_endpoint: Some(endpoint), ..TelemetrySettings::default() };
    let telemetry = telemetry::init("mc-tasks", &settings).expect("telemetry");
    let replica = Replica::start(ServerSettings::default()).await;
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut request = get("runs/1");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.metadata_mut().insert("traceparent", parent.parse().expect("ascii"));
    unary(&upstream).get_run(request).await.expect("answers");
    replica.stop().await;
    tokio::task::spawn_blocking(move || telemetry.flush()).await.expect("flushed");

    let spans = collector.spans.lock().expect("lock");
    let name = "missioncontrol.tasks.v1.RunService/GetRun";
    let server = |span: &&Span| span.name == name && span.kind == SpanKind::Server as i32;
    let span = spans.iter().find(server).expect("the call's span");
    assert_eq!(span.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes());
    assert_eq!(span.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert!(span.attributes.iter().any(|it| it.key == "request_id"), "{:?}", span.attributes);
    assert!(span.attributes.iter().any(|it| it.key == "rpc.grpc.status_code"), "{:?}", span.attributes);
    let metrics = collector.metrics.lock().expect("lock");
    assert!(metrics.contains(&"rpc.server.call.duration".to_owned()), "{metrics:?}");
}

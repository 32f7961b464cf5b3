//! Limits in dollars, and models of which nobody knows what they cost.

use mc_proto::llm::v1 as llm;
use mc_proto::llm::v1::model_service_server::ModelService;
use mc_proto::tasks::v1::{BatchStartTasksRequest, StartTaskResponse, TaskStart};

use super::*;

/// The llm service, as far as prices go.
#[derive(Default)]
pub(super) struct Prices {
    /// Nano dollars for a million tokens in and out.
    pub(super) of_demo: Mutex<(Option<i64>, Option<i64>)>,
    /// It cannot be reached.
    pub(super) away: AtomicBool,
    pub(super) asked: AtomicU32,
}

#[tonic::async_trait]
impl ModelService for Prices {
    async fn list_models(
        &self,
        request: Request<llm::ListModelsRequest>,
    ) -> Result<Response<llm::ListModelsResponse>, Status> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.away.load(Ordering::Relaxed) {
            return Err(Failure::unavailable("LLM_AWAY", "the llm service cannot be reached").into());
        }
        assert_eq!(request.get_ref().parent, format!("workspaces/{HOME}"));
        let (input, output) = *self.of_demo.lock().expect("nothing panics with it");
        let model = llm::Model {
            id: request.into_inner().model,
            input_nano_usd_per_million_tokens: input,
            output_nano_usd_per_million_tokens: output,
            ..Default::default()
        };
        Ok(Response::new(llm::ListModelsResponse { models: vec![model], unreachable: Vec::new() }))
    }
}

impl Service {
    async fn begin(&self) -> Result<StartTaskResponse, Failure> {
        let task = self.create(good(), "").await.expect("create");
        let request = StartTaskRequest { name: task.name, ..Default::default() };
        let reply = self.tasks().start_task(self.ask(request)).await;
        reply.map(tonic::Response::into_inner).map_err(|status| Failure::from_status(&status))
    }

    fn may_cost(&self, nano_usd: Option<i64>) {
        self.registry.limits.lock().expect("nothing panics with it").max_cost_nano_usd = nano_usd;
    }

    fn costs(&self, input: Option<i64>, output: Option<i64>) {
        *self.prices.of_demo.lock().expect("nothing panics with it") = (input, output);
    }
}

#[tokio::test]
async fn limit_in_dollars_on_a_model_of_unknown_price_is_refused_at_the_start_and_says_what_to_do() {
    let service = Service::new().await;
    service.begin().await.expect("there is no limit in dollars");
    assert_eq!(service.prices.asked.load(Ordering::Relaxed), 0, "nobody needs to know");

    service.may_cost(Some(1_000_000_000));
    for (input, output) in [(None, None), (Some(1), None), (None, Some(1))] {
        service.costs(input, output);
        let refused = service.begin().await.expect_err("half a price is none");
        assert_eq!((refused.code(), refused.reason()), (tonic::Code::FailedPrecondition, "MODEL_UNPRICED"));
        assert_eq!(refused.metadata().get("model").map(String::as_str), Some("simulator/demo"));
        for way in ["Choose a model that has a price", "prices.json", "max_cost_nano_usd"] {
            assert!(refused.message().contains(way), "{}", refused.message());
        }
    }
    // What is free has a price.
    service.costs(Some(0), Some(0));
    service.begin().await.expect("it is priced");
    service.prices.away.store(true, Ordering::Relaxed);
    assert_eq!(service.begin().await.expect_err("nobody can say").reason(), "LLM_AWAY");
}

#[tokio::test]
async fn of_several_starts_each_says_for_itself_that_its_model_has_no_price() {
    let service = Service::new().await;
    service.may_cost(Some(1));
    let task = service.create(good(), "").await.expect("create");
    let start = TaskStart { name: task.name.clone(), ..Default::default() };
    let request = BatchStartTasksRequest {
        parent: format!("workspaces/{HOME}"),
        starts: vec![start],
        ..Default::default()
    };
    let reply = service.tasks().batch_start_tasks(service.ask(request)).await.expect("start").into_inner();
    let refusal = reply.results[0].refusal.clone().expect("refused");
    assert_eq!(refusal.reason, "MODEL_UNPRICED");
}

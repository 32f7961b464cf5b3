//! NotificationService, each method handed to the file that has its name.

use mc_proto::tasks::v1::notification_service_server::NotificationService;
use mc_proto::tasks::v1::{
    CreateChannelRequest, CreateChannelResponse, DeleteChannelRequest, DeleteChannelResponse,
    GetChannelRequest, GetChannelResponse, ListChannelsRequest, ListChannelsResponse, ListDeliveriesRequest,
    ListDeliveriesResponse, ReplayDeliveryRequest, ReplayDeliveryResponse, RotateChannelSecretRequest,
    RotateChannelSecretResponse, TestChannelRequest, TestChannelResponse, UpdateChannelRequest,
    UpdateChannelResponse,
};
use tonic::{Request, Response, Status};

use crate::rpc::{
    Api, create_channel, delete_channel, get_channel, list_channels, list_deliveries, replay_delivery,
    rotate_channel_secret, test_channel, update_channel,
};

type Reply<M> = Result<Response<M>, Status>;

#[tonic::async_trait]
impl NotificationService for Api {
    async fn create_channel(&self, request: Request<CreateChannelRequest>) -> Reply<CreateChannelResponse> {
        Ok(Response::new(create_channel::create_channel(self, request).await?))
    }

    async fn get_channel(&self, request: Request<GetChannelRequest>) -> Reply<GetChannelResponse> {
        Ok(Response::new(get_channel::get_channel(self, request).await?))
    }

    async fn list_channels(&self, request: Request<ListChannelsRequest>) -> Reply<ListChannelsResponse> {
        Ok(Response::new(list_channels::list_channels(self, request).await?))
    }

    async fn update_channel(&self, request: Request<UpdateChannelRequest>) -> Reply<UpdateChannelResponse> {
        Ok(Response::new(update_channel::update_channel(self, request).await?))
    }

    async fn delete_channel(&self, request: Request<DeleteChannelRequest>) -> Reply<DeleteChannelResponse> {
        Ok(Response::new(delete_channel::delete_channel(self, request).await?))
    }

    async fn test_channel(&self, request: Request<TestChannelRequest>) -> Reply<TestChannelResponse> {
        Ok(Response::new(test_channel::test_channel(self, request).await?))
    }

    async fn rotate_channel_secret(
        &self,
        request: Request<RotateChannelSecretRequest>,
    ) -> Reply<RotateChannelSecretResponse> {
        Ok(Response::new(rotate_channel_secret::rotate_channel_secret(self, request).await?))
    }

    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Reply<ListDeliveriesResponse> {
        Ok(Response::new(list_deliveries::list_deliveries(self, request).await?))
    }

    async fn replay_delivery(
        &self,
        request: Request<ReplayDeliveryRequest>,
    ) -> Reply<ReplayDeliveryResponse> {
        Ok(Response::new(replay_delivery::replay_delivery(self, request).await?))
    }
}

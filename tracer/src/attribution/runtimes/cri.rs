//! The Kubernetes runtime interface over a Unix socket: containerd, CRI-O [edge].
//!
//! In: the id of a container or of a pod's sandbox. Out: the container with its pod.

use std::path::Path;

use prost::Message;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::messages::{
    ContainerFilter, ContainerStatusRequest, ContainerStatusResponse, ListContainersRequest,
    ListContainersResponse, PodSandboxStatus, PodSandboxStatusRequest, PodSandboxStatusResponse,
};
use super::{Failure, Reply};
use crate::attribution::container::{Container, Controller, Pod, labels, text};

struct Client(Grpc<Channel>);

impl Client {
    async fn ask<Q, A>(&mut self, method: &'static str, question: Q) -> Result<A, Failure>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        self.0.ready().await?;
        let request = tonic::Request::new(question);
        let path = PathAndQuery::from_static(method);
        let codec: ProstCodec<Q, A> = ProstCodec::new();
        Ok(self.0.unary(request, path, codec).await?.into_inner())
    }

    async fn sandbox(&mut self, id: &str) -> Result<PodSandboxStatusResponse, Failure> {
        let question = PodSandboxStatusRequest { pod_sandbox_id: id.to_owned(), verbose: true };
        self.ask("/runtime.v1.RuntimeService/PodSandboxStatus", question).await
    }
}

/// What the runtime behind `socket` says of `id`.
pub(super) async fn inspect(socket: &Path, id: &str) -> Result<Reply, Failure> {
    let endpoint = Endpoint::from_shared(format!("unix://{}", socket.display()))?;
    let mut client = Client(Grpc::new(endpoint.connect().await?));
    let filter = Some(ContainerFilter { id: id.to_owned() });
    let listed: ListContainersResponse = client
        .ask("/runtime.v1.RuntimeService/ListContainers", ListContainersRequest { filter })
        .await?;
    // The filter takes a prefix for a match.
    let Some(listed) = listed.containers.into_iter().find(|c| c.id == id) else {
        return sandbox(&mut client, id).await;
    };
    let question = ContainerStatusRequest { container_id: id.to_owned(), verbose: true };
    let status: ContainerStatusResponse =
        client.ask("/runtime.v1.RuntimeService/ContainerStatus", question).await?;
    // A pod that is already gone takes nothing from what is known of its container.
    let pod = client.sandbox(&listed.pod_sandbox_id).await.ok().and_then(|answer| answer.status);
    let name = listed.metadata.map(|metadata| metadata.name).unwrap_or_default();
    // The status has the image by its name, the list may have it by its digest.
    let named = status.status.and_then(|status| status.image).map(|image| image.image);
    let image = named.or(listed.image.map(|image| image.image)).unwrap_or_default();
    let container = Container {
        id: listed.id.into(),
        name: text(&name),
        image: text(&image),
        labels: labels(listed.labels),
        pod: pod.map(|pod| read_pod(pod, &name)),
        ..Container::default()
    };
    Ok(Reply::Found(Box::new(container), pid(status.info.get("info"))))
}

/// A pod's own container, which holds its namespaces.
async fn sandbox(client: &mut Client, id: &str) -> Result<Reply, Failure> {
    match client.sandbox(id).await {
        Ok(PodSandboxStatusResponse { status: Some(pod), info }) => {
            let container =
                Container { id: id.into(), pod: Some(read_pod(pod, "")), ..Container::default() };
            Ok(Reply::Found(Box::new(container), pid(info.get("info"))))
        }
        Ok(_) => Ok(Reply::Missing),
        Err(Failure::Grpc(status)) if status.code() == tonic::Code::NotFound => Ok(Reply::Missing),
        Err(other) => Err(other),
    }
}

fn read_pod(pod: PodSandboxStatus, container: &str) -> Box<Pod> {
    let metadata = pod.metadata.unwrap_or_default();
    let labels_of_pod = labels(pod.labels);
    Box::new(Pod {
        controller: Controller::of(&metadata.name, &labels_of_pod),
        name: text(&metadata.name),
        namespace: text(&metadata.namespace),
        uid: text(&metadata.uid),
        container: text(container),
        labels: labels_of_pod,
        annotations: labels(pod.annotations),
    })
}

/// The first process, of the JSON that verbose answers carry.
fn pid(info: Option<&String>) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Info {
        pid: u32,
    }
    serde_json::from_str::<Info>(info?).ok().map(|info| info.pid).filter(|pid| *pid != 0)
}

module virtscale.example/lab/storage-crds

go 1.23.0

require (
	github.com/k8snetworkplumbingwg/network-attachment-definition-client v1.7.5
	github.com/kubernetes-csi/external-snapshotter/client/v8 v8.2.0
)

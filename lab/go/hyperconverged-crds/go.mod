module virtscale.example/lab/hyperconverged-crds

go 1.23.0

require github.com/kubevirt/hyperconverged-cluster-operator v1.7.0

// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Prints what KubeVirt's and CDI's operators would declare, as a stream of YAML documents; their operators
// carry it as Go code only, so a program is the one way to read it.
//
//	kubevirt-manifests                        the CustomResourceDefinitions
//	kubevirt-manifests NAMESPACE URL CA_FILE  how the API server reaches a virt-api that runs at this URL, in no pod
package main

import (
	"fmt"
	"log"
	"net/url"
	"os"
	"sort"
	"strconv"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cdi "kubevirt.io/containerized-data-importer/pkg/operator/resources"
	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
	"sigs.k8s.io/yaml"
)

var kubevirtCRDs = []func() (*extv1.CustomResourceDefinition, error){
	components.NewKubeVirtCrd,
	components.NewMigrationPolicyCrd,
	components.NewPresetCrd,
	components.NewReplicaSetCrd,
	components.NewVirtualMachineCloneCrd,
	components.NewVirtualMachineClusterInstancetypeCrd,
	components.NewVirtualMachineClusterPreferenceCrd,
	components.NewVirtualMachineCrd,
	components.NewVirtualMachineExportCrd,
	components.NewVirtualMachineInstanceCrd,
	components.NewVirtualMachineInstanceMigrationCrd,
	components.NewVirtualMachineInstancetypeCrd,
	components.NewVirtualMachinePoolCrd,
	components.NewVirtualMachinePreferenceCrd,
	components.NewVirtualMachineRestoreCrd,
	components.NewVirtualMachineSnapshotContentCrd,
	components.NewVirtualMachineSnapshotCrd,
}

func main() {
	log.SetFlags(0)
	switch len(os.Args) {
	case 1:
		printCRDs()
	case 4:
		printWaysToVirtAPI(os.Args[1], os.Args[2], os.Args[3])
	default:
		log.Fatal("usage: kubevirt-manifests [NAMESPACE URL CA_FILE]")
	}
}

func printCRDs() {
	for _, newCRD := range kubevirtCRDs {
		crd, err := newCRD()
		if err != nil {
			log.Fatal(err)
		}
		show(crd)
	}
	names := make([]string, 0, len(cdi.CDICRDs))
	for name := range cdi.CDICRDs {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("---\n%s\n", cdi.CDICRDs[name])
	}
}

func printWaysToVirtAPI(namespace, address, caFile string) {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		log.Fatal(err)
	}
	parsed, err := url.Parse(address)
	if err != nil {
		log.Fatal(err)
	}
	port, err := strconv.ParseInt(parsed.Port(), 10, 32)
	if err != nil {
		log.Fatalf("%s names no port", address)
	}

	direct := func(client *admissionv1.WebhookClientConfig) {
		path := address + *client.Service.Path
		*client = admissionv1.WebhookClientConfig{URL: &path, CABundle: ca}
	}
	mutating := components.NewVirtAPIMutatingWebhookConfiguration(namespace)
	for i := range mutating.Webhooks {
		direct(&mutating.Webhooks[i].ClientConfig)
	}
	show(mutating)
	validating := components.NewVirtAPIValidatingWebhookConfiguration(namespace)
	for i := range validating.Webhooks {
		direct(&validating.Webhooks[i].ClientConfig)
	}
	show(validating)

	// An aggregated API takes no URL, but a Service that is nothing but another name.
	show(&corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: components.VirtApiServiceName},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"},
	})
	for _, service := range components.NewVirtAPIAPIServices(namespace) {
		servicePort := int32(port)
		service.Spec.Service.Port = &servicePort
		service.Spec.CABundle = ca
		show(service)
	}
	show(&corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: components.KubeVirtCASecretName},
		Data:       map[string]string{components.CABundleKey: string(ca)},
	})
}

func show(object any) {
	text, err := yaml.Marshal(object)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("---\n%s", text)
}

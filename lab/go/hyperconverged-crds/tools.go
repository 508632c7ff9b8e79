// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

//go:build tools

// Package tools pins the module whose CustomResourceDefinitions are read from the module cache.
package tools

import (
	_ "github.com/kubevirt/hyperconverged-cluster-operator/version"
)

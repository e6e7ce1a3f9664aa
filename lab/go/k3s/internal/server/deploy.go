// SPDX-License-Identifier: GPL-3.0-or-later

package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"text/template"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pki"
	"baremesh.edge/lab/k3s/internal/proc"
	"baremesh.edge/lab/k3s/internal/watch"
)

//go:embed manifests/*.yaml
var packaged embed.FS

// retryPause is how often K3s comes back to a manifest that the API has refused.
const retryPause = 15 * time.Second

// deployer applies server/manifests at start and whenever a file changes.
// A deleted file deletes nothing; a disabled one is deleted with its objects.
type deployer struct {
	server  *Server
	dir     string
	mu      sync.Mutex
	applied map[string][sha256.Size]byte
}

func newDeployer(s *Server) *deployer {
	return &deployer{server: s, dir: s.path("manifests"), applied: map[string][sha256.Size]byte{}}
}

func (d *deployer) run(ctx context.Context) error {
	if err := d.writePackaged(); err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	go func() {
		err := watch.Dir(ctx, d.dir, func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
		if err != nil {
			logline.Errorf("Failed to watch %s: %v", d.dir, err)
		}
	}()
	for {
		var retry <-chan time.Time
		if !d.applyAll(ctx) {
			retry = time.After(retryPause)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-retry:
		}
	}
}

// writePackaged rewrites the stand-in's own manifests, as K3s does with its.
func (d *deployer) writePackaged() error {
	names, err := fs.Glob(packaged, "manifests/*.yaml")
	if err != nil {
		return err
	}
	for _, name := range names {
		base := filepath.Base(name)
		if d.server.disabled[strings.TrimSuffix(base, ".yaml")] {
			continue
		}
		text, err := packaged.ReadFile(name)
		if err != nil {
			return err
		}
		parsed, err := template.New(base).Parse(string(text))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		err = parsed.Execute(&out, map[string]any{
			"DNS": texts(d.server.net.dns), "Domain": d.server.net.domain,
			"Registry": registryPrefix(d.server.values.String("system-default-registry", "")),
		})
		if err != nil {
			return err
		}
		path := filepath.Join(d.dir, base)
		logline.Infof("Writing manifest: %s", path)
		if err := pki.WriteFile(path, out.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func registryPrefix(registry string) string {
	if registry == "" {
		return ""
	}
	return registry + "/"
}

// applyAll returns whether everything is as the files say.
func (d *deployer) applyAll(ctx context.Context) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	complete := true
	err := filepath.WalkDir(d.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		base, isManifest := manifestName(entry.Name())
		if !isManifest {
			return nil
		}
		if d.server.disabled[base] {
			complete = d.remove(ctx, path) && complete
			return nil
		}
		if _, err := os.Stat(path + ".skip"); err == nil {
			return nil
		}
		complete = d.apply(ctx, path) && complete
		return nil
	})
	if err != nil {
		logline.Errorf("Failed to read %s: %v", d.dir, err)
	}
	return complete && err == nil
}

func manifestName(file string) (string, bool) {
	for _, suffix := range []string{".yaml", ".yml", ".json"} {
		if base, ok := strings.CutSuffix(strings.ToLower(file), suffix); ok {
			return base, true
		}
	}
	return "", false
}

func (d *deployer) apply(ctx context.Context, path string) bool {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	sum := sha256.Sum256(data)
	if err != nil || d.applied[path] == sum {
		return err == nil
	}
	err = d.kubectl(ctx, "apply", "--server-side", "--force-conflicts", "--field-manager=k3s", "-f", path)
	if err != nil {
		logline.Errorf("Failed to process config: failed to process %s: %v", path, err)
		return false
	}
	logline.Infof("Applied manifest %s", path)
	d.applied[path] = sum
	return true
}

func (d *deployer) remove(ctx context.Context, path string) bool {
	if err := d.kubectl(ctx, "delete", "--ignore-not-found", "--wait=false", "-f", path); err != nil {
		logline.Errorf("Failed to process config: failed to delete %s: %v", path, err)
		return false
	}
	logline.Infof("Deleted manifest %s", path)
	return os.Remove(path) == nil
}

func (d *deployer) kubectl(ctx context.Context, args ...string) error {
	args = append([]string{"--kubeconfig", d.server.path("cred/supervisor.kubeconfig")}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(d.server.bin, "kubectl"), args...)
	cmd.Env = append(proc.Environment(d.server.bin), "KUBECACHEDIR="+d.server.path("cred/.cache"))
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(output))
	}
	return nil
}

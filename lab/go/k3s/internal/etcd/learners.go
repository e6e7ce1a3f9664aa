// SPDX-License-Identifier: GPL-3.0-or-later

package etcd

import (
	"context"
	"time"

	"baremesh.edge/lab/k3s/internal/logline"
	"baremesh.edge/lab/k3s/internal/pause"
)

const (
	// promotePause is K3s's 15 s in small: a lab that raises servers would mostly wait.
	promotePause = time.Second
	// stallLimit is how long K3s bears a learner that makes no progress.
	stallLimit = 5 * time.Minute
)

// learners is what the leader remembers of the one that is joining.
type learners struct {
	client *Client
	limit  time.Duration
	id     uint64
	index  uint64
	moved  time.Time
}

// ManageLearners promotes who has caught up and evicts who never does. Only the leader of the cluster acts.
func ManageLearners(ctx context.Context, client *Client) {
	manager := &learners{client: client, limit: stallLimit}
	for pause.For(ctx, promotePause) == nil {
		if err := manager.tick(ctx, time.Now()); err != nil && ctx.Err() == nil {
			logline.Debugf("Learner management: %v", err)
		}
	}
}

func (l *learners) tick(ctx context.Context, now time.Time) error {
	status, err := l.client.Status(ctx)
	if err != nil || status.Header.MemberID != status.Leader {
		return err
	}
	members, err := l.client.Members(ctx)
	if err != nil {
		return err
	}
	for _, member := range members {
		if member.IsLearner {
			return l.track(ctx, member, now)
		}
	}
	return nil
}

func (l *learners) track(ctx context.Context, member Info, now time.Time) error {
	refused := l.client.Promote(ctx, member.ID)
	if refused == nil {
		logline.Infof("Promoted learner %s", member.Name)
		return nil
	}
	if l.id != member.ID {
		l.id, l.index, l.moved = member.ID, 0, now
	}
	for _, endpoint := range member.ClientURLs {
		if status, err := l.client.At(endpoint).Status(ctx); err == nil && status.RaftAppliedIndex > l.index {
			l.index, l.moved = status.RaftAppliedIndex, now
		}
	}
	if now.Sub(l.moved) <= l.limit {
		return refused
	}
	logline.Warnf("Removed learner %s from etcd cluster: stalled at RaftAppliedIndex=%d for %s", member.Name, l.index, now.Sub(l.moved))
	return l.client.Remove(ctx, member.ID)
}

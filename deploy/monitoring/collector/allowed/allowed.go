// Package allowed passes on of a span what is named here and nothing else.
//
// It writes anew what it passes, member by member, and deletes nothing: what OTLP has, or will have, and isn't copied here doesn't arrive.
package allowed

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
)

// What a value or a name has at most: a route is shorter.
const longest = 128

// What W3C and OTLP define of a span's flags: sampled, and whether the parent is elsewhere. The other bits could say anything.
const knownFlags = 0x301

// Config is what a pipeline passes.
type Config struct {
	// Services whose spans are taken (`service.name`). Those of others are dropped: what was sent to auth's Collector by mistake doesn't
	// get to where auth's spans are searched.
	Services []string `mapstructure:"services"`
	// Attributes of a span.
	Attributes []string `mapstructure:"attributes"`
}

// Validate tells of a configuration that would pass nothing.
func (c *Config) Validate() error {
	if len(c.Services) == 0 || slices.Contains(c.Services, "") {
		return errors.New("services: name those whose spans this Collector takes, such as [evote-auth]")
	}
	return nil
}

// NewFactory is for the Collector's own wiring.
func NewFactory() processor.Factory {
	kind := component.MustNewType("allowed")
	return processor.NewFactory(kind, func() component.Config { return &Config{} }, processor.WithTraces(
		func(ctx context.Context, settings processor.Settings, config component.Config, next consumer.Traces) (processor.Traces, error) {
			return processorhelper.NewTraces(ctx, settings, config, next,
				func(_ context.Context, told ptrace.Traces) (ptrace.Traces, error) {
					passed := config.(*Config).passed(told)
					if passed.SpanCount() == 0 {
						return passed, processorhelper.ErrSkipProcessingData
					}
					return passed, nil
				},
				processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}))
		}, component.StabilityLevelStable))
}

func (c *Config) passed(told ptrace.Traces) ptrace.Traces {
	passed := ptrace.NewTraces()
	for _, resource := range told.ResourceSpans().All() {
		name, _ := resource.Resource().Attributes().Get("service.name")
		if !slices.Contains(c.Services, name.AsString()) {
			continue
		}
		into := passed.ResourceSpans().AppendEmpty()
		copyAttributes(resource.Resource().Attributes(), into.Resource().Attributes(), []string{"service.name", "service.version"})
		// One scope for all: which library tells a span is nobody's business, and its name could be anything.
		spans := into.ScopeSpans().AppendEmpty().Spans()
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				c.copySpan(span, spans.AppendEmpty())
			}
		}
	}
	return passed
}

func (c *Config) copySpan(from, into ptrace.Span) {
	into.SetTraceID(from.TraceID())
	into.SetSpanID(from.SpanID())
	into.SetParentSpanID(from.ParentSpanID())
	into.SetFlags(from.Flags() & knownFlags)
	into.SetName(nameOf(from.Name()))
	into.SetKind(from.Kind())
	into.SetStartTimestamp(from.StartTimestamp())
	into.SetEndTimestamp(from.EndTimestamp())
	into.Status().SetCode(from.Status().Code())
	copyAttributes(from.Attributes(), into.Attributes(), c.Attributes)
	for _, link := range from.Links().All() {
		other := into.Links().AppendEmpty()
		other.SetTraceID(link.TraceID())
		other.SetSpanID(link.SpanID())
		other.SetFlags(link.Flags() & knownFlags)
	}
}

// Routes' templates, topics and the names of what services do have no digit; numbers of elections, voters, cards and telephones have.
func nameOf(name string) string {
	if len(name) > longest || strings.ContainsAny(name, "0123456789") {
		return "(not a name)"
	}
	return name
}

// In the order of the list, words and whole numbers alone: whatever else a value may be could hold more.
func copyAttributes(from, into pcommon.Map, names []string) {
	for _, name := range names {
		value, there := from.Get(name)
		switch {
		case !there:
		case value.Type() == pcommon.ValueTypeInt:
			into.PutInt(name, value.Int())
		case value.Type() == pcommon.ValueTypeStr && len(value.Str()) <= longest:
			into.PutStr(name, value.Str())
		}
	}
}

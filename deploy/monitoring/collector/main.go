// An OpenTelemetry Collector of the fewest parts: OTLP in, what the services may say of it out (docs/adr/0044-traces.md).
package main

import (
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"

	"evote.example/collector/allowed"
)

func main() {
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "evote-collector", Description: "Spans of e-Vote, by an allow-list", Version: "0.1.0"},
		Factories: func() (otelcol.Factories, error) {
			in, out, limiter, passing := otlpreceiver.NewFactory(), otlphttpexporter.NewFactory(), memorylimiterprocessor.NewFactory(), allowed.NewFactory()
			return otelcol.Factories{
				Receivers:  map[component.Type]receiver.Factory{in.Type(): in},
				Processors: map[component.Type]processor.Factory{limiter.Type(): limiter, passing.Type(): passing},
				Exporters:  map[component.Type]exporter.Factory{out.Type(): out},
				Telemetry:  otelconftelemetry.NewFactory(),
			}, nil
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory()},
		}},
	})
	if command.Execute() != nil {
		os.Exit(1)
	}
}

// docs/metrics.md, from the table of metrics that the agent serves.
import { type Metric, metrics, PREFIX } from '../src/monitor/metrics.ts'

export function metricsPage(): string {
  return [
    '# Metrics',
    '',
    '`sealwire up --metrics 127.0.0.1:9754` (or `[::1]:PORT`, or `unix:PATH`) serves numbers of the agent, for GET alone:',
    '',
    '- `/metrics`: OpenMetrics where that is asked for, else the older text that Prometheus reads;',
    '- `/healthz`: 200 while the data plane answers. Where it does not, starting the agent anew may help;',
    '- `/readyz`: 200 while the agent enforces its policy and its guard is in place.',
    '',
    'Only loopback and Unix sockets are served. Requests whose `Host` names another host than 127.0.0.1, [::1] or localhost with',
    'that port are refused, and so are those of pages of other origins. With `--metrics-token FILE` each request needs',
    '`Authorization: Bearer` with the first line of that file; a Unix socket is its user’s alone. Keys are in none of it.',
    '',
    'A dashboard for Grafana and rules for Prometheus are in [examples/monitoring](../examples/monitoring/README.md).',
    '',
    ...metrics.flatMap(section),
  ].join('\n')
}

function section({ name, type, help, labels = {} }: Metric): readonly string[] {
  const full = `${PREFIX}${name}${type === 'counter' ? '_total' : ''}`
  const rows = Object.entries(labels).map(([label, values]) => `- \`${label}\`: ${values}`)
  return [`## ${full}`, '', `${type === 'counter' ? 'Counter' : 'Gauge'}. ${help}`, '', ...(rows.length === 0 ? [] : [...rows, ''])]
}

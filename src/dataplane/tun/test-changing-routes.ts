// For a test: a process that changes the routing between policies for as long as it lives, in the namespace it is told.
import { enterNamespace } from '../../native/namespaces.ts'
import { compile } from '../../policy/compile.ts'
import { randomPolicy, seeded } from '../../policy/test-policies.ts'
import { HostRoutes } from './routes.ts'

const [namespace, folder, device, seed] = process.argv.slice(2)
enterNamespace(namespace!)
const routes = new HostRoutes({ folder: folder!, device: device! })
process.stdout.write('ready\n')
const draw = seeded(Number(seed))
for (;;) {
  routes.enforce(compile(randomPolicy(draw)))
  if (draw() < 0.1) routes.withdraw()
}

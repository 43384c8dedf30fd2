// The monitor's page begins here.
import { render } from 'preact'

render(<p>The monitor's page is being built.</p>, document.body)

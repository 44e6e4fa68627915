/** The exit code of a server process that another keeps from its state folder. */
export const EXIT_STATE_IN_USE = 75;

/** Another server uses the state folder. */
export class StateInUse extends Error {
  readonly stateDirectory: string;

  constructor(stateDirectory: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StateInUse';
    this.stateDirectory = stateDirectory;
  }
}

"""Azure Communication Services Chat and Identity on this machine, for the official SDKs.

::

    with Emulator() as emulator:
        client = CommunicationIdentityClient(emulator.http_endpoint, AzureKeyCredential(emulator.access_key))

The command ``acs-emulator serve`` does the same for programs in other languages.
"""

try:
    from acs_emulator.app import Exchange
    from acs_emulator.emulator import Emulator
    from acs_emulator.faults import Fault, FaultError
    from acs_emulator.journal import DataError
    from acs_emulator.options import Options, OptionsError
    from acs_emulator.server import ListenError
except ModuleNotFoundError as error:
    missing = str(error.name).partition(".")[0]
    raise ImportError(f"The emulator needs {missing}: pip install 'twilio-acs-compat[emulator]'") from None

__all__ = [
    "DataError",
    "Emulator",
    "Exchange",
    "Fault",
    "FaultError",
    "ListenError",
    "Options",
    "OptionsError",
]

"""How QGIS is given a key. For the scripts that the system's Python runs, which has QGIS."""

from qgis.core import QgsApplication, QgsAuthMethodConfig


def keep(authentication, key):
    """Keep the key as QGIS does, in its authentication database, under the id that layers name."""
    manager = QgsApplication.authManager()
    assert manager.setMasterPassword("for this run alone", True), "no master password"
    config = QgsAuthMethodConfig("Basic")
    config.setId(authentication)
    config.setName("Flashpoint")
    config.setConfig("username", "any")
    config.setConfig("password", key)
    config.setConfig("realm", "")
    assert manager.storeAuthenticationConfig(config), "the configuration was not stored"

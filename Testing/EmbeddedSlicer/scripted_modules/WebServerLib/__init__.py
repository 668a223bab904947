"""Request handlers of the WebServer module; DICOMweb (DICOMRequestHandler) is not emulated."""

from WebServerLib.BaseRequestHandler import BaseRequestHandler
from WebServerLib.SlicerRequestHandler import SlicerRequestHandler
from WebServerLib.StaticPagesRequestHandler import StaticPagesRequestHandler

__all__ = ["BaseRequestHandler", "SlicerRequestHandler", "StaticPagesRequestHandler"]

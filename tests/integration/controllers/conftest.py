from tests.support.apiserver import apiserver as apiserver
from tests.support.apiserver import client as client
from tests.support.control_plane import controllers as controllers
from tests.support.control_plane import impatient_controllers as impatient_controllers
from tests.support.control_plane import scheduler as scheduler
from tests.support.etcd import etcd as etcd
